variable "region" { #~ missing-variable
  type = string
}
