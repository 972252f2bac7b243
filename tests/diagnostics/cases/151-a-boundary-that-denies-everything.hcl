permission_set "nothing" {
  managed_policies     = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]
  permissions_boundary = "arn:aws:iam::aws:policy/AWSDenyAll" #~ boundary-allows-nothing
}
