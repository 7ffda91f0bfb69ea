package config

import (
	"bytes"

	"github.com/pelletier/go-toml/v2"
)

// Effective is the configuration with every default filled in, as TOML that
// Parse accepts. Webhook URLs, which may hold tokens, are cut to their host.
func (c *Config) Effective() ([]byte, error) {
	doc := *c.doc
	doc.Notify = nil
	for _, n := range c.doc.Notify {
		n.URL = hostOnly(n.URL)
		doc.Notify = append(doc.Notify, n)
	}
	var b bytes.Buffer
	enc := toml.NewEncoder(&b)
	if err := enc.Encode(doc); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
