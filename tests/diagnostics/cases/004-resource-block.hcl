resource "aws_ssoadmin_permission_set" "admin" {} #~ unknown-block
