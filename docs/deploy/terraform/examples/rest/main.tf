# A REST API behind jwks-authorizer, as a REQUEST authorizer.

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

variable "identity_source" {
  description = "The place of the token, if it is the same for all clients. Use null if it may be in one of several places"
  type        = string
  default     = "method.request.header.Authorization"
}

module "authorizer" {
  source = "../.."

  name     = "orders-rest-${var.stage_name}-authorizer"
  package  = var.package
  issuer   = var.issuer
  audience = var.audience
  settings = var.settings
}

# Every identity source must be present, or API Gateway answers 401 without asking
# the authorizer. It is also the key of the cache. "Header or cookie" cannot be
# written, so it needs no source and no cache.
#
# aws_api_gateway_authorizer cannot be without a source: left out, it means the
# Authorization header, and API Gateway refuses the empty text that it sends
# otherwise (https://github.com/hashicorp/terraform-provider-aws/issues/39689).
# The API's OpenAPI definition can. Do not list something that every request has,
# for example the Host header: with a cache, the first caller's answer would be
# everybody's.
locals {
  authorizer = { for name, value in {
    type                         = "request"
    authorizerUri                = module.authorizer.invoke_arn
    identitySource               = var.identity_source
    authorizerResultTtlInSeconds = var.identity_source == null ? 0 : 300
  } : name => value if value != null }
}

resource "aws_api_gateway_rest_api" "orders" {
  name = "orders-${var.stage_name}"
  body = jsonencode({
    openapi = "3.0.1"
    info    = { title = "orders-${var.stage_name}", version = "1" }
    paths = {
      "/orders" = {
        get = {
          security  = [{ Jwks = [] }]
          responses = {}
          "x-amazon-apigateway-integration" = {
            type       = "aws_proxy"
            httpMethod = "POST"
            uri        = data.aws_lambda_function.backend.invoke_arn
          }
        }
      }
    }
    components = {
      securitySchemes = {
        Jwks = {
          # API Gateway wants these three, and uses the authorizer's identity source.
          type                             = "apiKey"
          name                             = "Unused"
          in                               = "header"
          "x-amazon-apigateway-authtype"   = "custom"
          "x-amazon-apigateway-authorizer" = local.authorizer
        }
      }
    }
  })
}

# Without it, API Gateway may not call the function and answers 500.
resource "aws_lambda_permission" "authorizer" {
  action        = "lambda:InvokeFunction"
  function_name = module.authorizer.function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_api_gateway_rest_api.orders.execution_arn}/authorizers/*"
}

data "aws_lambda_function" "backend" {
  function_name = var.backend_function_name
}

resource "aws_lambda_permission" "backend" {
  action        = "lambda:InvokeFunction"
  function_name = data.aws_lambda_function.backend.function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_api_gateway_rest_api.orders.execution_arn}/${var.stage_name}/*"
}

# A change of the API is served only after a new deployment.
resource "aws_api_gateway_deployment" "this" {
  rest_api_id = aws_api_gateway_rest_api.orders.id
  triggers    = { definition = sha256(aws_api_gateway_rest_api.orders.body) }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_api_gateway_stage" "this" {
  rest_api_id   = aws_api_gateway_rest_api.orders.id
  deployment_id = aws_api_gateway_deployment.this.id
  stage_name    = var.stage_name
}

output "url" {
  value = aws_api_gateway_stage.this.invoke_url
}
