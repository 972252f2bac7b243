user "ada" {
  given_name  = "Ada"
  family_name = "Lovelace"
  email       = "ada" #~ invalid-field
}
