# The alarms of template.yaml, which explains them. No alarm uses the function's Errors metric:
# every 401 is a function error, so any caller could raise it.

locals {
  metric_namespace = "jwks-authorizer/${var.name}"
  alarm_actions    = var.alarm_topic_arn == null ? [] : [var.alarm_topic_arn]
}

resource "aws_cloudwatch_log_metric_filter" "faults" {
  name           = "faults"
  log_group_name = aws_cloudwatch_log_group.authorizer.name
  pattern        = "{ ($.level = \"ERROR\") || (($.type = \"platform.report\") && (($.record.status = \"timeout\") || ($.record.errorType = \"Runtime.ExitError\") || ($.record.errorType = \"Runtime.OutOfMemory\"))) }"

  metric_transformation {
    namespace     = local.metric_namespace
    name          = "Faults"
    value         = "1"
    default_value = "0"
    unit          = "Count"
  }
}

resource "aws_cloudwatch_metric_alarm" "faults" {
  alarm_name          = "${var.name}-faults"
  alarm_description   = "An issuer has no usable keys, a request got a 500 for another reason, or the function does not start. The log lines at ERROR say which"
  namespace           = local.metric_namespace
  metric_name         = "Faults"
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = var.fault_alarm_threshold
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
}

resource "aws_cloudwatch_log_metric_filter" "key_refresh_failures" {
  name           = "key-refresh-failures"
  log_group_name = aws_cloudwatch_log_group.authorizer.name
  pattern        = "{ $.outcome = \"failed\" }"

  metric_transformation {
    namespace     = local.metric_namespace
    name          = "KeyRefreshFailures"
    value         = "1"
    default_value = "0"
    unit          = "Count"
  }
}

resource "aws_cloudwatch_metric_alarm" "key_refresh" {
  alarm_name          = "${var.name}-key-refresh"
  alarm_description   = "The issuer's keys cannot be refreshed. Cached keys stay usable until AUTHORIZER_JWKS_MAX_STALE_SECONDS"
  namespace           = local.metric_namespace
  metric_name         = "KeyRefreshFailures"
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 3
  datapoints_to_alarm = 2
  threshold           = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "throttles" {
  alarm_name          = "${var.name}-throttles"
  alarm_description   = "Lambda throttles the authorizer, and API Gateway answers 500"
  namespace           = "AWS/Lambda"
  metric_name         = "Throttles"
  dimensions          = { FunctionName = aws_lambda_function.authorizer.function_name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
}
