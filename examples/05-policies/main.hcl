rolecall {
  production {
    accounts = ["*-prod"]
  }

  policy {
    rego = "policies/"
  }
}

account "shop_dev" {
  id   = "111100000001"
  name = "shop-dev"
}

account "shop_prod" {
  id   = "111100000002"
  name = "shop-prod"
}

user "ada" {
  user_name   = "ada@example.com"
  given_name  = "Ada"
  family_name = "Lovelace"
}

user "grace" {
  user_name   = "grace@example.com"
  given_name  = "Grace"
  family_name = "Hopper"
}

group "shop" {
  display_name = "Shop"
  members      = [user.ada, user.grace]
}

permission_set "admin" {
  name             = "Admin"
  session_duration = "PT8H"
  managed_policies = ["arn:aws:iam::aws:policy/AdministratorAccess"]
}

permission_set "view" {
  name             = "View"
  session_duration = "PT8H"
  managed_policies = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]
}

assignment "shop_view" {
  principals      = [group.shop]
  permission_sets = [permission_set.view]
  accounts        = [account.shop_dev, account.shop_prod]
  reason          = "SHOP-12: everybody looks"
}

assignment "shop_admin" {
  principals      = [group.shop]
  permission_sets = [permission_set.admin]
  accounts        = [account.shop_dev, account.shop_prod]
  reason          = "we build it"
}

assignment "grace_admin" {
  principals      = [user.grace]
  permission_sets = [permission_set.admin]
  accounts        = [account.shop_dev]
  reason          = "SHOP-31"
}
