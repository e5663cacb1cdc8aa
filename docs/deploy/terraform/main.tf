# A WebSocket API with jwks-authorizer. To build the package, run
#
#   cargo lambda build --release --arm64 --output-format zip

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.40"
    }
  }
}

variable "package" {
  description = "The path of the zip file with the function's bootstrap"
  type        = string
  default     = "../../../target/lambda/jwks-authorizer/bootstrap.zip"
}

variable "architecture" {
  description = "The architecture of the package: arm64 or x86_64"
  type        = string
  default     = "arm64"
}

variable "reserved_concurrency" {
  description = "The number of concurrent executions to reserve for the authorizer, which is also its limit; -1 reserves none"
  type        = number
  default     = -1

  validation {
    # With 0, Lambda would throttle every invocation.
    condition     = var.reserved_concurrency == -1 || var.reserved_concurrency > 0
    error_message = "Set a whole number above 0, or -1 to reserve none."
  }
}

variable "issuer" {
  description = "The exact iss value of the tokens, an https URL"
  type        = string
}

variable "audience" {
  description = "Accepted aud values, comma-separated; a token needs one of them"
  type        = string
}

variable "settings" {
  description = "Further settings by name without AUTHORIZER_, for example { REQUIRED_SCOPES = \"chat\" }"
  type        = map(string)
  default     = {}

  validation {
    # The function does not start if a setting is empty.
    condition     = alltrue([for value in values(var.settings) : trimspace(value) != ""])
    error_message = "A setting is empty. Set a value, or remove the setting to use its default."
  }
}

variable "routes_function_name" {
  description = "The name of the function behind the routes, for example samples/websocket"
  type        = string
}

variable "stage_name" {
  description = "The API's stage"
  type        = string
  default     = "default"
}

# The authorizer.

resource "aws_lambda_function" "authorizer" {
  function_name    = "jwks-authorizer"
  description      = "Verifies JWTs for API Gateway"
  filename         = var.package
  source_code_hash = filebase64sha256(var.package)
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  memory_size      = 128
  timeout          = 9
  role             = aws_iam_role.authorizer.arn

  reserved_concurrent_executions = var.reserved_concurrency

  environment {
    variables = merge(
      { for name, value in var.settings : "AUTHORIZER_${name}" => value },
      {
        AUTHORIZER_ISSUER   = var.issuer
        AUTHORIZER_AUDIENCE = var.audience
      },
    )
  }

  logging_config {
    log_group             = aws_cloudwatch_log_group.authorizer.name
    log_format            = "JSON"
    application_log_level = "INFO"
    system_log_level      = "INFO"
  }
}

resource "aws_cloudwatch_log_group" "authorizer" {
  name              = "/jwks-authorizer"
  retention_in_days = 30
}

resource "aws_iam_role" "authorizer" {
  name = "jwks-authorizer"
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
resource "aws_iam_role_policy" "authorizer" {
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

# The API.

resource "aws_apigatewayv2_api" "chat" {
  name                       = "chat"
  protocol_type              = "WEBSOCKET"
  route_selection_expression = "$request.body.action"
}

resource "aws_apigatewayv2_authorizer" "jwks" {
  api_id          = aws_apigatewayv2_api.chat.id
  name            = "jwks-authorizer"
  authorizer_type = "REQUEST"
  authorizer_uri  = aws_lambda_function.authorizer.invoke_arn

  # If a source in this list is missing from the request, API Gateway answers 401
  # without asking the authorizer. With an empty list, clients may send the token in
  # a header, or as a subprotocol, as browsers must. If all your clients use the same
  # source, list it, for example "route.request.header.Authorization".
  identity_sources = []
}

resource "aws_lambda_permission" "authorizer" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.authorizer.function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.chat.execution_arn}/authorizers/${aws_apigatewayv2_authorizer.jwks.id}"
}

# API Gateway asks the authorizer at $connect only. The other routes get the context
# of that decision.
resource "aws_apigatewayv2_route" "connect" {
  api_id             = aws_apigatewayv2_api.chat.id
  route_key          = "$connect"
  authorization_type = "CUSTOM"
  authorizer_id      = aws_apigatewayv2_authorizer.jwks.id
  target             = "integrations/${aws_apigatewayv2_integration.routes.id}"
}

resource "aws_apigatewayv2_route" "others" {
  for_each  = toset(["$default", "$disconnect"])
  api_id    = aws_apigatewayv2_api.chat.id
  route_key = each.value
  target    = "integrations/${aws_apigatewayv2_integration.routes.id}"
}

data "aws_lambda_function" "routes" {
  function_name = var.routes_function_name
}

resource "aws_apigatewayv2_integration" "routes" {
  api_id             = aws_apigatewayv2_api.chat.id
  integration_type   = "AWS_PROXY"
  integration_method = "POST"
  integration_uri    = data.aws_lambda_function.routes.invoke_arn
}

resource "aws_lambda_permission" "routes" {
  action        = "lambda:InvokeFunction"
  function_name = data.aws_lambda_function.routes.function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.chat.execution_arn}/${var.stage_name}/*"
}

resource "aws_apigatewayv2_stage" "this" {
  api_id      = aws_apigatewayv2_api.chat.id
  name        = var.stage_name
  auto_deploy = true
}

output "authorizer_uri" {
  value = aws_lambda_function.authorizer.invoke_arn
}

output "websocket_url" {
  value = aws_apigatewayv2_stage.this.invoke_url
}
