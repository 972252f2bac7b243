permission_set "a" {
  tags = { for n in range(51) : "t${n}" => "v" } #~ too-many-tags
}
