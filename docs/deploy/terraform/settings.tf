locals {
  # A variable that is not set sets nothing, and the function's own default holds.
  common_settings = { for name, value in {
    ISSUER          = var.issuer
    AUDIENCE        = join(",", var.audience)
    ISSUERS         = var.issuers == null ? null : jsonencode(var.issuers)
    REQUIRED_SCOPES = length(var.required_scopes) == 0 ? null : jsonencode(var.required_scopes)
    TOKEN_SOURCES   = join(",", var.token_sources)
    ALLOWED_ORIGINS = join(",", var.allowed_origins)
  } : name => value if value != null && value != "" }

  environment = { for name, value in merge(var.settings, local.common_settings) : "AUTHORIZER_${name}" => value }
}
