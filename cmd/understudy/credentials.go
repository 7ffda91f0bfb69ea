package main

import (
	"cmp"
	"net"
	"net/url"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/understudy-dr/understudy/internal/cloud"
)

// testCredentials are made-up ones for a simulator on this machine, where
// nobody has configured any; nil everywhere else. They are never sent
// anywhere but to a loopback address.
func testCredentials(o cloud.Options, getenv func(string) string) aws.CredentialsProvider {
	endpoint := cmp.Or(o.Endpoint, getenv("AWS_ENDPOINT_URL"))
	if o.Profile != "" || !loopback(endpoint) || configured(getenv) {
		return nil
	}
	return madeUp()
}

func madeUp() aws.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider("understudy", "simulator", "")
}

func loopback(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// configured reports whether the SDK's chain would find credentials without
// asking the network.
func configured(getenv func(string) string) bool {
	for _, name := range []string{
		"AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
	} {
		if getenv(name) != "" {
			return true
		}
	}
	home := filepath.Join(getenv("HOME"), ".aws")
	for _, file := range []string{
		cmp.Or(getenv("AWS_SHARED_CREDENTIALS_FILE"), filepath.Join(home, "credentials")),
		cmp.Or(getenv("AWS_CONFIG_FILE"), filepath.Join(home, "config")),
	} {
		if info, err := os.Stat(file); err == nil && info.Size() > 0 {
			return true
		}
	}
	return false
}
