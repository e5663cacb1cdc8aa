# The jwks-authorizer function with its role, its log and its alarms. The examples attach it to an API.

resource "aws_lambda_function" "authorizer" {
  function_name = var.name
  description   = "Verifies JWTs for API Gateway"
  runtime       = "provided.al2023"
  handler       = "bootstrap"
  architectures = [var.architecture]
  layers        = var.layers
  role          = aws_iam_role.authorizer.arn

  filename          = var.package
  source_code_hash  = var.package == null ? null : filebase64sha256(var.package)
  s3_bucket         = try(var.package_s3.bucket, null)
  s3_key            = try(var.package_s3.key, null)
  s3_object_version = try(var.package_s3.version, null)

  memory_size = 128
  # An HTTP API waits 10 s for its authorizer. By default, a key refresh takes at most 3 s.
  timeout                        = 9
  reserved_concurrent_executions = var.reserved_concurrency

  environment {
    variables = local.environment
  }

  logging_config {
    log_group             = aws_cloudwatch_log_group.authorizer.name
    log_format            = "JSON"
    application_log_level = var.log_level
    # Includes the reports of time-outs, which an alarm counts.
    system_log_level = "INFO"
  }

  depends_on = [aws_iam_role_policy.write_log]
}

resource "aws_cloudwatch_log_group" "authorizer" {
  name              = "/jwks-authorizer/${var.name}"
  retention_in_days = var.log_retention_days
}

resource "aws_iam_role" "authorizer" {
  # Role names are unique in the account, not in the region.
  name_prefix = "${var.name}-"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

# Allows the function to write its own log, and nothing else.
resource "aws_iam_role_policy" "write_log" {
  name = "write-log"
  role = aws_iam_role.authorizer.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = "${aws_cloudwatch_log_group.authorizer.arn}:*"
    }]
  })
}
