rolecall {
  ignore "x" {
    accounts = ["[a-"] #~ bad-setting
  }
}
