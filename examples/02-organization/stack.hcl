rolecall {
  name             = "organization"
  required_version = ">= 0.1"
  unmanaged        = "report"
  max_removals     = 40

  ignore "control tower" {
    permission_sets = ["AWSControlTower*", "AWSOrganizationsFullAccess", "AWSServiceCatalog*"]
  }

  protect "break glass" {
    principals      = ["Break Glass"]
    permission_sets = ["Administrator"]
  }
}

provider "simulator" {
  region = "eu-west-1"
}

variable "admin_session" {
  description = "How long an administrator's session lasts."
  type        = string
  default     = "PT1H"

  validation {
    condition     = contains(["PT1H", "PT2H"], var.admin_session)
    error_message = "Administrators get one or two hours."
  }
}

output "people" {
  description = "How many people have an account in the portal."
  value       = length(local.people)
}

output "administrators_set_arn" {
  description = "For policies elsewhere that must name the set."
  value       = permission_set.administrator.arn
}
