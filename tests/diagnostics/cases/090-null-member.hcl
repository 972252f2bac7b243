group "g" {
  members = [null] #~ wrong-entity
}
