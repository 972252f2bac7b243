permission_set "a" {
  arn = "arn:aws:sso:::permissionSet/ssoins-1/ps-1" #~ read-only-attribute
}
