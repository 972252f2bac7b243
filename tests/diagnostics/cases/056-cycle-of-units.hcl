organizational_unit "a" {
  parent = organizational_unit.b
}

organizational_unit "b" {
  parent = organizational_unit.a #~ cycle
}
