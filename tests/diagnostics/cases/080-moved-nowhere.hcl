permission_set "administrator" { managed_policies = ["arn:aws:iam::aws:policy/AdministratorAccess"] }

moved {
  from = permission_set.admin
  to   = permission_set.adminstrator #~ moved-nowhere
}
