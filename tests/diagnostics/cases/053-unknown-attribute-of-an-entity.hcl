account "a" { id = "111122223333" }

locals {
  emails = [for a in organizational_unit.root.accounts : a.emial] #~ unknown-attribute
}
