output "group" {
  value = 1
}
