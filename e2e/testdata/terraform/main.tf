# A configuration as a team would write it for real AWS; only the provider
# blocks know that a simulator answers.

terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

variable "endpoint" { type = string }

# Where the secret's second replica is.
variable "second_region" {
  type    = string
  default = "eu-west-1"
}

# Whether the first replica is under our key or the AWS-managed one.
variable "west_own_key" {
  type    = bool
  default = true
}

locals {
  account = "123456789012"
}

provider "aws" {
  region                      = "us-east-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_metadata_api_check     = true
  skip_credentials_validation = false
  skip_requesting_account_id  = false
  max_retries                 = 3

  endpoints {
    secretsmanager = var.endpoint
    kms            = var.endpoint
    lambda         = var.endpoint
    cloudwatch     = var.endpoint
    logs           = var.endpoint
    sns            = var.endpoint
    sts            = var.endpoint
  }
}

provider "aws" {
  alias                       = "west"
  region                      = "us-west-2"
  access_key                  = "test"
  secret_key                  = "test"
  skip_metadata_api_check     = true
  skip_credentials_validation = false
  skip_requesting_account_id  = false
  max_retries                 = 3

  endpoints {
    kms = var.endpoint
    sts = var.endpoint
  }
}

data "aws_caller_identity" "me" {}

resource "aws_kms_key" "secrets" {
  description             = "secrets"
  multi_region            = true
  deletion_window_in_days = 7
  tags                    = { team = "platform" }
}

resource "aws_kms_alias" "secrets" {
  name          = "alias/secrets-key"
  target_key_id = aws_kms_key.secrets.key_id
}

resource "aws_kms_replica_key" "west" {
  provider                = aws.west
  description             = "secrets, replica"
  primary_key_arn         = aws_kms_key.secrets.arn
  deletion_window_in_days = 7
}

resource "aws_lambda_function" "rotate" {
  function_name = "rotate-db"
  role          = "arn:aws:iam::${local.account}:role/rotate-db"
  runtime       = "python3.12"
  handler       = "lambda_function.lambda_handler"
  filename      = "${path.module}/rotate.zip"

  environment {
    variables = {
      SECRETS_MANAGER_ENDPOINT = "https://secretsmanager.us-east-1.amazonaws.com"
    }
  }
}

resource "aws_lambda_permission" "rotate" {
  statement_id   = "SecretsManagerInvoke"
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.rotate.function_name
  principal      = "secretsmanager.amazonaws.com"
  source_account = data.aws_caller_identity.me.account_id
}

resource "aws_secretsmanager_secret" "db" {
  name                    = "prod/db"
  description             = "the database"
  kms_key_id              = aws_kms_key.secrets.arn
  recovery_window_in_days = 0
  tags                    = { env = "prod" }

  replica {
    region     = "us-west-2"
    kms_key_id = var.west_own_key ? aws_kms_replica_key.west.arn : "alias/aws/secretsmanager"
  }

  replica {
    region = var.second_region
  }
}

resource "aws_secretsmanager_secret_version" "db" {
  secret_id     = aws_secretsmanager_secret.db.id
  secret_string = jsonencode({ username = "app", password = "initial" })

  lifecycle {
    ignore_changes = [secret_string, version_stages] # rotation changes both
  }
}

resource "aws_secretsmanager_secret_policy" "db" {
  secret_arn = aws_secretsmanager_secret.db.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Readers"
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::${local.account}:root" }
      Action    = "secretsmanager:GetSecretValue"
      Resource  = "*"
    }]
  })
}

resource "aws_secretsmanager_secret_rotation" "db" {
  secret_id           = aws_secretsmanager_secret.db.id
  rotation_lambda_arn = aws_lambda_function.rotate.arn

  rotation_rules {
    automatically_after_days = 30
  }

  depends_on = [aws_lambda_permission.rotate, aws_secretsmanager_secret_version.db]
}

resource "aws_sns_topic" "alerts" {
  name = "security-alerts"
}

resource "aws_cloudwatch_log_group" "trail" {
  name              = "cloudtrail"
  retention_in_days = 30
}

resource "aws_cloudwatch_log_metric_filter" "failed" {
  name           = "rotation-failed"
  log_group_name = aws_cloudwatch_log_group.trail.name
  pattern        = "{ $.eventName = \"RotationFailed\" }"

  metric_transformation {
    name          = "RotationFailed"
    namespace     = "Security/Secrets"
    value         = "1"
    default_value = "0"
  }
}

resource "aws_cloudwatch_metric_alarm" "failed" {
  alarm_name          = "secrets-rotation-failed"
  namespace           = "Security/Secrets"
  metric_name         = "RotationFailed"
  statistic           = "Sum"
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alerts.arn]
  tags                = { env = "prod" }
}

resource "aws_cloudwatch_composite_alarm" "secrets" {
  alarm_name    = "secrets-trouble"
  alarm_rule    = "ALARM(${aws_cloudwatch_metric_alarm.failed.alarm_name})"
  alarm_actions = [aws_sns_topic.alerts.arn]
}
