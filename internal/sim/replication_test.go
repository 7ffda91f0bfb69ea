package sim_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/understudy-dr/understudy/internal/sim"
)

const (
	synced      = "InSync Replication succeeded"
	nameExists  = "Failed Replication failed: Secret name s already exists in region us-west-2."
	liveRefusal = "cloud-nuke#435, aws-nuke#1127, terraform-aws-secrets-manager#188"
	seenBefore  = "localstack#7016, texts of the contributor's live tests"
)

func replicated(w *world) { w.create("s", "one", west) }

func replicationFacts() []fact {
	facts := []fact{
		{
			name: "at first InProgress, then InSync", source: "API: ReplicateSecretToRegions; " + seenBefore,
			given: func(w *world) { w.create("s", "one") },
			then: func(w *world) {
				out, err := w.sm(east).ReplicateSecretToRegions(w.ctx, &secretsmanager.ReplicateSecretToRegionsInput{
					SecretId: aws.String("s"), AddReplicaRegions: []types.ReplicaRegionType{{Region: aws.String(west)}},
				})
				w.must(err)
				w.equal("answer", []string{*out.ARN, string(out.ReplicationStatus[0].Status), *out.ReplicationStatus[0].KmsKeyId},
					[]string{w.arn(east, "s"), "InProgress", "alias/aws/secretsmanager"})
				w.equal("entry", w.entry(west), synced)
				w.equal("PrimaryRegion", w.describe(east).PrimaryRegion, east)
			},
		},
		{
			name: "a replica is the same secret", source: "AWS: Replicate secrets across Regions", quirks: []string{"replica-status=hide"}, given: replicated,
			then: func(w *world) {
				d := w.describe(west)
				w.equal("PrimaryRegion", d.PrimaryRegion, east)
				w.equal("ARN", d.ARN, w.arn(east, "s")[:len("arn:aws:secretsmanager:")]+west+w.arn(east, "s")[len("arn:aws:secretsmanager:us-east-1"):])
				w.equal("ReplicationStatus", d.ReplicationStatus, nil)
				w.equal("stages", w.stages(west), w.stages(east))
				w.serves(west, "one")
			},
		},
		{
			name: "later changes follow", source: "AWS: Replicate secrets across Regions; terraform-aws-secrets-manager#188", given: replicated,
			then: func(w *world) {
				w.must(w.put(east, token2, "two"))
				_, err := w.sm(east).TagResource(w.ctx, &secretsmanager.TagResourceInput{SecretId: aws.String("s"), Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}})
				w.must(err)
				_, err = w.sm(east).UpdateSecret(w.ctx, &secretsmanager.UpdateSecretInput{SecretId: aws.String("s"), Description: aws.String("d")})
				w.must(err)
				w.must(w.setPolicy(east, allowRoot))
				w.serves(west, "two")
				w.equal("stages", w.stages(west), w.stages(east))
				w.equal("description", w.describe(west).Description, "d")
				w.equal("tags", w.describe(west).Tags, w.describe(east).Tags)
				policy, err := w.sm(west).GetResourcePolicy(w.ctx, &secretsmanager.GetResourcePolicyInput{SecretId: aws.String("s")})
				w.must(err)
				w.equal("policy", policy.ResourcePolicy, allowRoot)
			},
		},
		{
			name: "its own region", source: "aws-health-aware#32", given: func(w *world) { w.create("s", "one") },
			when: func(w *world) error { return w.replicate(false, east) }, code: "InvalidParameterException", text: "Invalid replica region.",
		},
		{
			name: "a region that there is not", source: "assumed, by the text for the own region", given: func(w *world) { w.create("s", "one") },
			when: func(w *world) error { return w.replicate(false, "us-esat-1") }, code: "InvalidParameterException",
		},
		{
			name: "another partition", source: "AWS: Replicate secrets across Regions", given: func(w *world) { w.create("s", "one") },
			when: func(w *world) error { return w.replicate(false, "cn-north-1") }, code: "InvalidParameterException",
		},
		{
			name: "a standalone secret in the way", source: seenBefore,
			given: func(w *world) { w.create("s", "one"); w.createIn(west, "s", "other") },
			when:  func(w *world) error { return w.replicate(false, west) },
			then:  func(w *world) { w.equal("entry", w.entry(west), nameExists); w.serves(west, "other") },
		},
		{
			name: "a standalone secret is overwritten by force", source: "API: ForceOverwriteReplicaSecret",
			given: func(w *world) { w.create("s", "one"); w.createIn(west, "s", "other") },
			when:  func(w *world) error { return w.replicate(true, west) },
			then: func(w *world) {
				w.equal("entry", w.entry(west), synced)
				w.equal("stages", w.stages(west), w.stages(east))
				w.serves(west, "one")
			},
		},
		{
			name: "a Failed entry is retried by force", source: "AWS: Troubleshoot replication",
			given: func(w *world) {
				w.create("s", "one")
				w.createIn(west, "s", "other")
				w.must(w.replicate(false, west))
				w.describe(east)
			},
			when: func(w *world) error { return w.replicate(true, west) },
			then: func(w *world) { w.equal("entry", w.entry(west), synced); w.serves(west, "one") },
		},
		{
			name: "another primary's replica is not overwritten by force", source: seenBefore,
			given: func(w *world) {
				w.create("s", "one")
				w.createIn(eu, "s", "other")
				_, err := w.sm(eu).ReplicateSecretToRegions(w.ctx, &secretsmanager.ReplicateSecretToRegionsInput{SecretId: aws.String("s"), AddReplicaRegions: []types.ReplicaRegionType{{Region: aws.String(west)}}})
				w.must(err)
				w.serves(west, "other")
			},
			when: func(w *world) error { return w.replicate(true, west) },
			then: func(w *world) {
				w.equal("entry", w.entry(west), "Failed Replication failed: Can't overwrite secret s that is currently replicated from eu-west-1.")
				w.serves(west, "other")
			},
		},
		{
			name: "another primary is not overwritten by force", source: seenBefore,
			given: func(w *world) {
				w.create("s", "one")
				w.createIn(west, "s", "other")
				_, err := w.sm(west).ReplicateSecretToRegions(w.ctx, &secretsmanager.ReplicateSecretToRegionsInput{SecretId: aws.String("s"), AddReplicaRegions: []types.ReplicaRegionType{{Region: aws.String(eu)}}})
				w.must(err)
			},
			when: func(w *world) error { return w.replicate(true, west) },
			then: func(w *world) {
				w.equal("entry", w.entry(west), "Failed Replication failed: Can't overwrite secret s that is currently replicated to other region(s).")
				w.serves(west, "other")
			},
		},
		{
			name: "a target pending deletion is not overwritten by force", source: "assumed: its name stays reserved",
			given: func(w *world) { w.create("s", "one"); w.createIn(west, "s", "other"); w.must(w.delete(west, false)) },
			when:  func(w *world) error { return w.replicate(true, west) },
			then:  func(w *world) { w.equal("entry", w.entry(west), nameExists) },
		},
		{
			name: "removal destroys at once", source: "API: RemoveRegionsFromReplication", quirks: []string{"primary-region=keep"}, given: replicated,
			then: func(w *world) {
				out, err := w.sm(east).RemoveRegionsFromReplication(w.ctx, &secretsmanager.RemoveRegionsFromReplicationInput{SecretId: aws.String("s"), RemoveReplicaRegions: []string{west}})
				w.must(err)
				w.equal("left", len(out.ReplicationStatus), 0)
				w.absent(west)
				w.equal("ReplicationStatus", w.describe(east).ReplicationStatus, nil)
				w.equal("PrimaryRegion", w.describe(east).PrimaryRegion, east)
			},
		},
		{
			name: "PrimaryRegion goes with the last replica", source: "assumed, quirk", quirks: []string{"primary-region=clear"}, given: replicated,
			when: func(w *world) error { return w.remove(west) },
			then: func(w *world) { w.equal("PrimaryRegion", w.describe(east).PrimaryRegion, nil) },
		},
		{
			name: "removing what is not there", source: "assumed, quirk", quirks: []string{"remove-absent=ignore"}, given: replicated,
			when: func(w *world) error { return w.remove(eu) },
		},
		{
			name: "removing what is not there is refused", source: "assumed, quirk", quirks: []string{"remove-absent=refuse"}, given: replicated,
			when: func(w *world) error { return w.remove(eu) }, code: "InvalidParameterException",
		},
		{
			name: "removed and added again under another key", source: "terraform-provider-aws: resource_secret.go", given: replicated,
			then: func(w *world) {
				key := w.key(west)
				w.must(w.remove(west))
				w.must(w.replicate(false, west+"="+key))
				w.equal("entry", w.entry(west), synced)
				w.equal("key", w.describe(west).KmsKeyId, key)
			},
		},
		{
			name: "onto a replica: nothing happens", source: "assumed, quirk", quirks: []string{"rekey=noop"}, given: replicated,
			when: func(w *world) error { w.describe(east); return w.replicate(false, west+"="+w.key(west)) },
			then: func(w *world) {
				w.equal("entry", w.entry(west), synced)
				w.equal("key", w.describe(west).KmsKeyId, nil)
			},
		},
		{
			name: "onto a replica: it is re-encrypted", source: "AWS: Modify a secret; quirk", quirks: []string{"rekey=rekey"}, given: replicated,
			then: func(w *world) {
				key := w.key(west)
				w.describe(east)
				w.must(w.replicate(false, west+"="+key))
				w.equal("entry", w.entry(west), synced)
				w.equal("key", w.describe(west).KmsKeyId, key)
			},
		},
		{
			name: "onto a replica: it fails", source: "moto; quirk", quirks: []string{"rekey=failed"}, given: replicated,
			when: func(w *world) error { w.describe(east); return w.replicate(false, west) },
			then: func(w *world) { w.equal("entry", w.entry(west), nameExists); w.serves(west, "one") },
		},
		{
			name: "a replica that tells its primary's status", source: "moto; quirk", quirks: []string{"replica-status=show"}, given: replicated,
			then: func(w *world) { w.equal("entries", len(w.describe(west).ReplicationStatus), 1) },
		},
		{
			name: "an access in the replica's region shows in its entry", source: "API: ReplicationStatusType, LastAccessedDate", given: replicated,
			then: func(w *world) {
				w.equal("before", w.describe(east).ReplicationStatus[0].LastAccessedDate, nil)
				w.serves(west, "one")
				w.equal("after", w.describe(east).ReplicationStatus[0].LastAccessedDate, epoch.Truncate(24*time.Hour))
			},
		},
	}
	return append(facts, replicaWriteFacts()...)
}

// replicaWriteFacts: every write on a replica is refused.
func replicaWriteFacts() []fact {
	var facts []fact
	for op, body := range map[string]string{
		"PutSecretValue":               `{"SecretId":"s","SecretString":"x","ClientRequestToken":"` + token2 + `"}`,
		"UpdateSecret":                 `{"SecretId":"s","Description":"x"}`,
		"UpdateSecretVersionStage":     `{"SecretId":"s","VersionStage":"X","MoveToVersionId":"` + token1 + `"}`,
		"TagResource":                  `{"SecretId":"s","Tags":[]}`,
		"UntagResource":                `{"SecretId":"s","TagKeys":[]}`,
		"PutResourcePolicy":            `{"SecretId":"s","ResourcePolicy":"{}"}`,
		"DeleteResourcePolicy":         `{"SecretId":"s"}`,
		"RotateSecret":                 `{"SecretId":"s","ClientRequestToken":"` + token2 + `"}`,
		"CancelRotateSecret":           `{"SecretId":"s"}`,
		"DeleteSecret":                 `{"SecretId":"s","ForceDeleteWithoutRecovery":true}`,
		"RestoreSecret":                `{"SecretId":"s"}`,
		"ReplicateSecretToRegions":     `{"SecretId":"s","AddReplicaRegions":[{"Region":"eu-west-1"}]}`,
		"RemoveRegionsFromReplication": `{"SecretId":"s","RemoveReplicaRegions":["eu-west-1"]}`,
	} {
		source := "assumed, as the live refusals of DeleteSecret and PutResourcePolicy; moto"
		if op == "DeleteSecret" || op == "PutResourcePolicy" {
			source = liveRefusal
		}
		facts = append(facts, fact{
			name: op + " on a replica", source: source,
			given: func(w *world) { // raw calls go to us-east-1: make that the replica
				in := &secretsmanager.CreateSecretInput{Name: aws.String("s"), ClientRequestToken: aws.String(token1), SecretString: aws.String("one")}
				in.AddReplicaRegions = []types.ReplicaRegionType{{Region: aws.String(east)}}
				_, err := w.sm(west).CreateSecret(w.ctx, in)
				w.must(err)
				w.describe(west)
			},
			when: func(w *world) error { return w.call(op, body) },
			code: "InvalidParameterException", text: "Operation not permitted on a replica secret. Call must be made in primary secret's region.",
		})
	}
	return facts
}

func promotionFacts() []fact {
	cut := func(w *world) { replicated(w); w.describe(east); w.region(east, sim.RegionHang) }
	return []fact{
		{
			name: "a promoted replica stands alone", source: "API: StopReplicationToReplica", given: replicated,
			then: func(w *world) {
				before := w.arn(west, "s")
				out, err := w.sm(west).StopReplicationToReplica(w.ctx, &secretsmanager.StopReplicationToReplicaInput{SecretId: aws.String("s")})
				w.must(err)
				w.equal("ARN", out.ARN, before)
				w.equal("PrimaryRegion", w.describe(west).PrimaryRegion, nil)
				w.must(w.put(west, token2, "two"))
				w.serves(west, "two")
				w.serves(east, "one")
				w.equal("entry at the old primary", w.entry(west), "")
			},
		},
		{
			name: "promotion with the primary dark", source: "AWS: Promote a replica secret", given: cut,
			when: func(w *world) error { return w.promote(west) },
			then: func(w *world) { w.must(w.put(west, token2, "two")); w.serves(west, "two") },
		},
		{
			name: "the old primary keeps a stale entry", source: "assumed, quirk", quirks: []string{"stale-entry=keep"}, given: cut,
			then: func(w *world) {
				w.must(w.promote(west))
				w.region(east, sim.RegionUp)
				w.equal("entry", w.entry(west), synced)
				w.must(w.put(east, token3, "three"))
				w.equal("entry after a change", w.entry(west), nameExists)
				w.serves(west, "one")
				w.refused(w.delete(east, true), "InvalidParameterException", "")
			},
		},
		{
			name: "removing a stale entry destroys the promoted secret", source: "assumed, quirk", quirks: []string{"remove-promoted=delete"}, given: cut,
			then: func(w *world) {
				w.must(w.promote(west))
				w.region(east, sim.RegionUp)
				w.must(w.remove(west))
				w.absent(west)
			},
		},
		{
			name: "removing a stale entry spares the promoted secret", source: "assumed, quirk", quirks: []string{"remove-promoted=spare"}, given: cut,
			then: func(w *world) {
				w.must(w.promote(west))
				w.region(east, sim.RegionUp)
				w.must(w.remove(west))
				w.serves(west, "one")
			},
		},
		{
			name: "the old primary drops the entry", source: "moto; quirk", quirks: []string{"stale-entry=drop"}, given: cut,
			then: func(w *world) {
				w.must(w.promote(west))
				w.region(east, sim.RegionUp)
				w.equal("entry", w.entry(west), "")
			},
		},
		{
			name: "promoting a standalone secret", source: "moto; the code is a quirk", quirks: []string{"stop-standalone=invalid-parameter"}, given: func(w *world) { w.create("s", "one") },
			when: func(w *world) error { return w.promote(east) }, code: "InvalidParameterException",
		},
		{
			name: "promoting a standalone secret, the other code", source: "assumed, quirk", quirks: []string{"stop-standalone=invalid-request"},
			given: replicated, when: func(w *world) error { return w.promote(east) }, code: "InvalidRequestException",
		},
		{
			name: "promoting nothing", source: "API: StopReplicationToReplica",
			when: func(w *world) error { return w.promote(west) }, code: "ResourceNotFoundException",
		},
		{
			name: "a third region can't be taken over while it is the old primary's", source: seenBefore,
			given: func(w *world) { w.create("s", "one", west, eu); w.describe(east); w.must(w.promote(west)) },
			when: func(w *world) error {
				_, err := w.sm(west).ReplicateSecretToRegions(w.ctx, &secretsmanager.ReplicateSecretToRegionsInput{
					SecretId: aws.String("s"), ForceOverwriteReplicaSecret: true, AddReplicaRegions: []types.ReplicaRegionType{{Region: aws.String(eu)}},
				})
				return err
			},
			then: func(w *world) {
				w.equal("entry", *w.describe(west).ReplicationStatus[0].StatusMessage,
					"Replication failed: Can't overwrite secret s that is currently replicated from us-east-1.")
			},
		},
		{
			name: "re-parenting keeps the ARN", source: "API: StopReplicationToReplica and ForceOverwriteReplicaSecret",
			given: func(w *world) { w.create("s", "one", west, eu); w.describe(east) },
			then: func(w *world) {
				before := w.arn(eu, "s")
				w.must(w.promote(west))
				w.must(w.promote(eu))
				_, err := w.sm(west).ReplicateSecretToRegions(w.ctx, &secretsmanager.ReplicateSecretToRegionsInput{
					SecretId: aws.String("s"), ForceOverwriteReplicaSecret: true, AddReplicaRegions: []types.ReplicaRegionType{{Region: aws.String(eu)}},
				})
				w.must(err)
				w.equal("PrimaryRegion", w.describe(eu).PrimaryRegion, west)
				w.equal("ARN", w.arn(eu, "s"), before)
			},
		},
	}
}

func TestReplicationWaitsOutAPartition(t *testing.T) {
	for _, state := range []string{sim.RegionPartitioned, sim.RegionHang} {
		w := newWorld(t, sim.Options{Lag: time.Second})
		w.create("s", "one", west)
		w.equal("before the lag", w.entry(west), "InProgress ")
		w.advance(time.Second)
		w.equal("after the lag", w.entry(west), synced)

		w.region(west, state)
		w.must(w.put(east, token2, "two"))
		w.must(w.put(east, token3, "three"))
		w.must(w.replicate(false, eu))
		w.advance(time.Hour)
		w.equal("the others' entry", w.entry(eu), synced)
		w.region(west, sim.RegionUp)
		w.serves(west, "one")
		w.advance(time.Second)
		w.serves(west, "three")
		w.equal("stages", w.stages(west), w.stages(east))
	}
}

// AWS, "Troubleshoot replication": if no version made it, the secret is gone
// from the target; if some did, they stay.
func TestFailedReplicationKeepsWhatThereWas(t *testing.T) {
	w := newWorld(t, sim.Options{})
	eastKey, westKey := w.key(east), w.key(west)
	_, err := w.sm(east).CreateSecret(w.ctx, &secretsmanager.CreateSecretInput{
		Name: aws.String("s"), ClientRequestToken: aws.String(token1), SecretString: aws.String("one"), KmsKeyId: &eastKey,
		AddReplicaRegions: []types.ReplicaRegionType{{Region: aws.String(west), KmsKeyId: &westKey}},
	})
	w.must(err)
	w.equal("entry", w.entry(west), synced)

	w.disable(west, westKey)
	w.must(w.put(east, token2, "two"))
	if got := w.entry(west); got[:6] != "Failed" {
		t.Errorf("entry %q, want Failed", got)
	}
	w.equal("old versions stay", w.stages(west), map[string]string{"AWSCURRENT": token1})

	w.must(w.replicate(false, eu+"=alias/not-there"))
	if got := w.entry(eu); got[:6] != "Failed" {
		t.Errorf("entry %q, want Failed", got)
	}
	w.absent(eu)
}

// AWS, "Troubleshoot replication": an older version with a label of its own,
// still under a key that was disabled since, fails the replication.
func TestOldLabelledVersionUnderADisabledKeyFailsReplication(t *testing.T) {
	w := newWorld(t, sim.Options{})
	oldKey, newKey := w.key(east), w.key(east)
	_, err := w.sm(east).CreateSecret(w.ctx, &secretsmanager.CreateSecretInput{
		Name: aws.String("s"), ClientRequestToken: aws.String(token1), SecretString: aws.String("one"), KmsKeyId: &oldKey,
	})
	w.must(err)
	_, err = w.sm(east).UpdateSecretVersionStage(w.ctx, &secretsmanager.UpdateSecretVersionStageInput{SecretId: aws.String("s"), VersionStage: aws.String("KEEP"), MoveToVersionId: aws.String(token1)})
	w.must(err)
	w.must(w.put(east, token2, "two"))
	w.must(w.put(east, token3, "three"))
	_, err = w.sm(east).UpdateSecret(w.ctx, &secretsmanager.UpdateSecretInput{SecretId: aws.String("s"), KmsKeyId: &newKey})
	w.must(err)
	w.disable(east, oldKey)
	w.serves(east, "three")

	w.must(w.replicate(false, west))
	if got := w.entry(west); got[:6] != "Failed" {
		t.Errorf("entry %q, want Failed", got)
	}
	w.absent(west)
	_, err = w.sm(east).UpdateSecretVersionStage(w.ctx, &secretsmanager.UpdateSecretVersionStageInput{SecretId: aws.String("s"), VersionStage: aws.String("KEEP"), RemoveFromVersionId: aws.String(token1)})
	w.must(err)
	w.equal("once the label is gone", w.entry(west), synced)
}

// A change that overtakes an earlier one is not undone by it.
func TestAnEarlierChangeThatArrivesLateIsIgnored(t *testing.T) {
	w := newWorld(t, sim.Options{Lag: 10 * time.Second})
	w.create("s", "one", west)
	w.advance(10 * time.Second)
	w.must(w.put(east, token2, "two"))
	w.must(w.cloud.SetRegion(west, sim.RegionState{Lag: sim.Duration(time.Second)}))
	w.must(w.put(east, token3, "three"))
	w.advance(time.Second)
	w.serves(west, "three")
	w.advance(time.Minute)
	w.serves(west, "three")
}
