permission_set "administrator" {}

moved {
  from = permission_set.admin
  to   = permission_set.adminstrator #~ moved-nowhere
}
