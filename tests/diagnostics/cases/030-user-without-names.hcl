user "ada" { #~ missing-attribute
  family_name = "Lovelace"
}
