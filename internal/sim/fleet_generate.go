package sim

import "fmt"

// GenerateFleet is n healthy secrets, prod/svc-000000/secret and on, each
// with replicas in us-west-2 and eu-west-1 under the example's keys, and
// every tenth one rotating. Alarms, topics and functions are the example's.
func GenerateFleet(n int) *Fleet {
	f := ExampleFleet()
	f.Secrets = make([]FleetSecret, n)
	replicas := prodSecret("", "").Replicas // shared: a fleet is read only
	tags := map[string]string{"env": "prod"}
	rotation := &FleetRotation{Lambda: "rotate-db", Days: 30}
	for i := range f.Secrets {
		f.Secrets[i] = FleetSecret{
			Name: fmt.Sprintf("prod/svc-%06d/secret", i),
			Key:  "alias/secrets-key", Tags: tags, Replicas: replicas,
		}
		if i%10 == 0 {
			f.Secrets[i].Rotation = rotation
		}
	}
	return f
}
