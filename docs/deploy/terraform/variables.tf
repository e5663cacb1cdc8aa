variable "name" {
  description = "The name of the function. The log group, the role and the alarms have it in their names, so each stage needs its own"
  type        = string

  validation {
    # A role's name prefix has at most 38 characters.
    condition     = can(regex("^[A-Za-z0-9_-]{1,37}$", var.name))
    error_message = "Use 1 to 37 letters, digits, hyphens and underscores."
  }
}

# The code.

variable "package" {
  description = "The path of the zip file that holds the function's bootstrap. Exclusive with package_s3"
  type        = string
  default     = null

  validation {
    condition     = (var.package == null) != (var.package_s3 == null)
    error_message = "Set either package or package_s3."
  }
}

variable "package_s3" {
  description = "The same zip file as an S3 object. Terraform sees a new package only by another key or version"
  type = object({
    bucket  = string
    key     = string
    version = optional(string)
  })
  default = null
}

variable "architecture" {
  description = "The processor that the package was built for"
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "Use arm64 or x86_64."
  }
}

variable "layers" {
  description = "The ARNs of layer versions, for example one with a key set file for the setting JWKS_FILE"
  type        = list(string)
  default     = []
  nullable    = false
}

# The settings. The common ones are variables of their own. Every other one goes into `settings`.

variable "issuer" {
  description = "The exact iss of the tokens, an https URL. For several issuers, leave it out and use `issuers`"
  type        = string
  default     = null

  validation {
    condition     = var.issuer == null || can(regex("^https://[^\\s,?#]+$", var.issuer))
    error_message = "Use an https URL without query or fragment."
  }

  validation {
    condition     = (var.issuer == null) == (var.issuers != null)
    error_message = "Set either issuer or issuers."
  }
}

variable "audience" {
  description = "The token's aud must have one of these values. [\"*\"] accepts any"
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = (length(var.audience) > 0) == (var.issuer != null)
    error_message = "Set audience if issuer is set, and only then. Each of the `issuers` has its own."
  }

  validation {
    condition     = alltrue([for item in var.audience : trimspace(item) != ""])
    error_message = "An item is empty."
  }
}

variable "issuers" {
  description = "Several issuers: a list of objects with the settings of each in lower case, for example [{ issuer = \"https://a.example.com\", audience = \"chat\" }]"
  type        = any
  default     = null
}

variable "required_scopes" {
  description = "The scopes that every token needs. A list in the list stands for any of its scopes, for example [\"chat\", [\"editor\", \"admin\"]]"
  type        = any
  default     = []
  nullable    = false

  validation {
    condition     = can([for item in var.required_scopes : item]) && alltrue([for item in try(flatten(var.required_scopes), []) : try(trimspace(item) != "", false)])
    error_message = "An item is empty or not a string, or this is not a list."
  }
}

variable "token_sources" {
  description = "Where the token may be: header:NAME, query:NAME, cookie:NAME, subprotocol:MARKER. Empty means the function's default"
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for item in var.token_sources : can(regex("^(header|query|cookie|subprotocol):[^\\s,:]+$", item))])
    error_message = "Use header:NAME, query:NAME, cookie:NAME or subprotocol:MARKER."
  }
}

variable "allowed_origins" {
  description = "The origins that may open a WebSocket, for example https://app.example.com. Empty allows any, unless a cookie carries the token"
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for item in var.allowed_origins : can(regex("^[a-z][a-z0-9+.-]*://[^\\s,/]+$", item))])
    error_message = "Use origins as browsers send them, without a slash at the end."
  }
}

variable "settings" {
  description = "Every other setting, by its name without AUTHORIZER_, for example { JWKS_TTL_SECONDS = \"300\" }"
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.settings) : can(regex("^[A-Z][A-Z_]*$", name)) && !startswith(name, "AUTHORIZER_")])
    error_message = "Write names in upper case and without AUTHORIZER_."
  }

  validation {
    # The function does not start if a setting is empty.
    condition     = alltrue([for value in values(var.settings) : value == null ? false : trimspace(value) != ""])
    error_message = "A setting is empty. Set a value, or remove the setting to use its default."
  }

  validation {
    condition     = length(setintersection(keys(var.settings), ["ISSUER", "AUDIENCE", "ISSUERS", "REQUIRED_SCOPES", "TOKEN_SOURCES", "ALLOWED_ORIGINS"])) == 0
    error_message = "ISSUER, AUDIENCE, ISSUERS, REQUIRED_SCOPES, TOKEN_SOURCES and ALLOWED_ORIGINS have variables of their own."
  }
}

# How it runs.

variable "reserved_concurrency" {
  description = "The number of concurrent executions to reserve for the function. It is also the function's limit. -1 reserves none"
  type        = number
  default     = -1

  validation {
    # With 0, Lambda would throttle every invocation.
    condition     = var.reserved_concurrency == -1 || (var.reserved_concurrency > 0 && floor(var.reserved_concurrency) == var.reserved_concurrency)
    error_message = "Use a whole number above 0, or -1 to reserve none."
  }
}

variable "log_level" {
  description = "INFO logs each refusal, DEBUG each decision, WARN only faults and failed key refreshes"
  type        = string
  default     = "INFO"

  validation {
    # ERROR is not allowed: an alarm counts failed key refreshes, which are logged at WARN while cached keys are usable.
    condition     = contains(["DEBUG", "INFO", "WARN"], var.log_level)
    error_message = "Use DEBUG, INFO or WARN."
  }

  validation {
    # A metric line has no level, and Lambda takes a line without one for INFO.
    condition     = var.log_level != "WARN" || !contains(keys(var.settings), "METRICS_NAMESPACE")
    error_message = "At WARN, Lambda drops the lines that metrics are made of. Use INFO or DEBUG, or remove METRICS_NAMESPACE."
  }
}

variable "log_retention_days" {
  description = "For how many days CloudWatch keeps the log"
  type        = number
  default     = 30
}

variable "alarm_topic_arn" {
  description = "The SNS topic that the alarms notify. Without it they only change their state"
  type        = string
  default     = null
}

variable "fault_alarm_threshold" {
  description = "The number of log lines at ERROR and time-outs within five minutes that raises the alarm"
  type        = number
  default     = 1

  validation {
    condition     = var.fault_alarm_threshold >= 1
    error_message = "Use 1 or more."
  }
}
