locals {
  aws = "arn:aws:iam::aws:policy"
}

permission_set "administrator" {
  name             = "Administrator"
  description      = "Everything. For emergencies, and for nothing else."
  session_duration = var.admin_session
  managed_policies = ["${local.aws}/AdministratorAccess"]
  tags             = { risk = "high", owner = "security" }
}

permission_set "power_user" {
  name             = "PowerUser"
  description      = "Build and run, but no identities"
  session_duration = "PT8H"
  managed_policies = ["${local.aws}/PowerUserAccess"]

  # Nobody turns off the record of what happens.
  policy {
    statement {
      sid       = "KeepTheTrail"
      effect    = "Deny"
      actions   = ["cloudtrail:StopLogging", "cloudtrail:DeleteTrail", "config:StopConfigurationRecorder"]
      resources = ["*"]
    }
  }
}

permission_set "deployer" {
  name             = "Deployer"
  description      = "Release and roll back"
  session_duration = "PT4H"
  managed_policies = ["${local.aws}/ReadOnlyAccess"]
  inline_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "Releases"
        Effect   = "Allow"
        Action   = ["codepipeline:StartPipelineExecution", "codepipeline:RetryStageExecution", "ecs:UpdateService"]
        Resource = "*"
      },
      {
        Sid       = "OnlyHere"
        Effect    = "Deny"
        NotAction = ["iam:*", "sts:*", "organizations:*"]
        Resource  = "*"
        Condition = { StringNotEquals = { "aws:RequestedRegion" = ["eu-west-1", "eu-central-1"] } }
      },
    ]
  })
}

permission_set "read_only" {
  name             = "ReadOnly"
  description      = "Read everything, data included"
  session_duration = "PT8H"
  managed_policies = ["${local.aws}/ReadOnlyAccess"]
}

permission_set "view_only" {
  name             = "ViewOnly"
  description      = "See that it is there, not what is in it"
  session_duration = "PT12H"
  managed_policies = ["${local.aws}/job-function/ViewOnlyAccess"]
}

permission_set "security_audit" {
  name             = "SecurityAudit"
  description      = "Read what matters for security"
  session_duration = "PT8H"
  managed_policies = ["${local.aws}/SecurityAudit", "${local.aws}/job-function/ViewOnlyAccess"]
}

permission_set "incident_response" {
  name             = "IncidentResponse"
  description      = "Isolate, preserve, revoke"
  session_duration = "PT2H"
  managed_policies = ["${local.aws}/SecurityAudit"]
  tags             = { risk = "high", owner = "security" }

  policy {
    statement {
      sid       = "Isolate"
      effect    = "Allow"
      actions   = ["ec2:ModifyInstanceAttribute", "ec2:CreateSnapshot", "ec2:CreateTags", "iam:PutRolePolicy"]
      resources = ["*"]
    }
    statement {
      sid       = "NotOurselves"
      effect    = "Deny"
      actions   = ["iam:PutRolePolicy"]
      resources = ["arn:aws:iam::*:role/aws-reserved/*"]
    }
  }
}

permission_set "network_administrator" {
  name             = "NetworkAdministrator"
  description      = "Addresses, routes and names"
  session_duration = "PT4H"
  managed_policies = ["${local.aws}/job-function/NetworkAdministrator"]
}

permission_set "database_administrator" {
  name             = "DatabaseAdministrator"
  description      = "Look after the databases"
  session_duration = "PT4H"
  managed_policies = ["${local.aws}/job-function/DatabaseAdministrator"]
}

permission_set "data_scientist" {
  name             = "DataScientist"
  description      = "Analyse what the warehouse holds"
  session_duration = "PT8H"
  managed_policies = ["${local.aws}/job-function/DataScientist"]
}

permission_set "support" {
  name             = "Support"
  description      = "Open and follow support cases"
  session_duration = "PT8H"
  managed_policies = ["${local.aws}/job-function/SupportUser"]
}

permission_set "billing" {
  name             = "Billing"
  description      = "Costs and invoices"
  managed_policies = ["${local.aws}/job-function/Billing"]
  relay_state      = "https://console.aws.amazon.com/billing"
}

permission_set "sandbox_owner" {
  name                      = "SandboxOwner"
  description               = "Anything, inside the sandbox's boundary"
  session_duration          = "PT8H"
  managed_policies          = ["${local.aws}/PowerUserAccess", "${local.aws}/IAMFullAccess"]
  customer_managed_policies = [{ name = "sandbox-guard", path = "/" }]
  permissions_boundary      = "${local.aws}/PowerUserAccess"
}
