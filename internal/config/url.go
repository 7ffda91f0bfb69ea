package config

import "net/url"

// hostOnly cuts a URL to scheme and host, which are safe to print: a
// webhook's path and query are often its credential.
func hostOnly(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "(not a URL)"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host}).String()
}
