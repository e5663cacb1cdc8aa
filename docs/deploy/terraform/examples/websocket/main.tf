# A WebSocket API whose $connect route asks jwks-authorizer.

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

variable "routes_function_name" {
  description = "The function behind the routes, for example samples/websocket"
  type        = string
}

module "authorizer" {
  source = "../.."

  name     = "chat-${var.stage_name}-authorizer"
  package  = var.package
  issuer   = var.issuer
  audience = var.audience
  settings = var.settings
}

resource "aws_apigatewayv2_api" "chat" {
  name                       = "chat-${var.stage_name}"
  protocol_type              = "WEBSOCKET"
  route_selection_expression = "$request.body.action"
}

resource "aws_apigatewayv2_authorizer" "jwks" {
  api_id          = aws_apigatewayv2_api.chat.id
  name            = "jwks-authorizer"
  authorizer_type = "REQUEST"
  authorizer_uri  = module.authorizer.invoke_arn

  # Every source in this list must be present, or API Gateway answers 401 without
  # asking the authorizer. With an empty list, clients may send the token as a
  # header or, from a browser, as a subprotocol. If all clients send it in one
  # place, list that place, for example "route.request.header.Authorization".
  identity_sources = []
}

# Without it, API Gateway may not call the function and answers 500.
resource "aws_lambda_permission" "authorizer" {
  action        = "lambda:InvokeFunction"
  function_name = module.authorizer.function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.chat.execution_arn}/authorizers/${aws_apigatewayv2_authorizer.jwks.id}"
}

# API Gateway asks the authorizer at $connect only. The other routes get its context.
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

output "websocket_url" {
  value = aws_apigatewayv2_stage.this.invoke_url
}
