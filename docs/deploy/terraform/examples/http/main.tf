# An HTTP API behind jwks-authorizer, with payload format 2.0 and simple responses.

variable "stage_name" {
  description = "The API's stage. Each stage has its own API and its own authorizer"
  type        = string
  default     = "dev"
}

variable "package" {
  description = "The zip file that `cargo lambda build --release --arm64 --output-format zip` makes"
  type        = string
  default     = "../../../../../target/lambda/jwks-authorizer/bootstrap.zip"
}

variable "issuer" {
  description = "The exact iss of the tokens, an https URL"
  type        = string
}

variable "audience" {
  description = "The token's aud must have one of these values"
  type        = list(string)
}

variable "settings" {
  description = "Further settings, by their names without AUTHORIZER_"
  type        = map(string)
  default     = {}
}

variable "backend_function_name" {
  description = "The function behind the API"
  type        = string
}

module "authorizer" {
  source = "../.."

  name     = "orders-http-${var.stage_name}-authorizer"
  package  = var.package
  issuer   = var.issuer
  audience = var.audience
  settings = var.settings
}

resource "aws_apigatewayv2_api" "orders" {
  name          = "orders-${var.stage_name}"
  protocol_type = "HTTP"
}

resource "aws_apigatewayv2_authorizer" "jwks" {
  api_id          = aws_apigatewayv2_api.orders.id
  name            = "jwks-authorizer"
  authorizer_type = "REQUEST"
  authorizer_uri  = module.authorizer.invoke_arn

  # The two belong together: the setting HTTP_API_RESPONSE = "policy" needs false here.
  authorizer_payload_format_version = "2.0"
  enable_simple_responses           = true

  # Every source in this list must be present, or API Gateway answers 401 without
  # asking the authorizer. They are also the key of the cache. A simple response
  # is for one route, so the route is part of the key. For a token that may be in
  # one of several places, use an empty list and a TTL of 0.
  identity_sources                 = ["$request.header.Authorization", "$context.routeKey"]
  authorizer_result_ttl_in_seconds = 300
}

# Without it, API Gateway may not call the function and answers 500.
resource "aws_lambda_permission" "authorizer" {
  action        = "lambda:InvokeFunction"
  function_name = module.authorizer.function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.orders.execution_arn}/authorizers/${aws_apigatewayv2_authorizer.jwks.id}"
}

resource "aws_apigatewayv2_route" "orders" {
  api_id             = aws_apigatewayv2_api.orders.id
  route_key          = "GET /orders"
  authorization_type = "CUSTOM"
  authorizer_id      = aws_apigatewayv2_authorizer.jwks.id
  target             = "integrations/${aws_apigatewayv2_integration.backend.id}"
}

data "aws_lambda_function" "backend" {
  function_name = var.backend_function_name
}

resource "aws_apigatewayv2_integration" "backend" {
  api_id                 = aws_apigatewayv2_api.orders.id
  integration_type       = "AWS_PROXY"
  integration_uri        = data.aws_lambda_function.backend.invoke_arn
  payload_format_version = "2.0"
}

resource "aws_lambda_permission" "backend" {
  action        = "lambda:InvokeFunction"
  function_name = data.aws_lambda_function.backend.function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.orders.execution_arn}/${var.stage_name}/*"
}

resource "aws_apigatewayv2_stage" "this" {
  api_id      = aws_apigatewayv2_api.orders.id
  name        = var.stage_name
  auto_deploy = true
}

output "url" {
  value = aws_apigatewayv2_stage.this.invoke_url
}
