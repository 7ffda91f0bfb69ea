package runbooks_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"

	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/sim"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// A request is one attempt at an AWS call, as it leaves a process.
type request struct {
	process  *process
	region   string
	op       string
	subject  string // secret, alarms, function …
	mutating bool
	body     string

	leaseRead time.Time // when its process last looked at the lease
	in        callInput
}

// callInput are the members of Secrets Manager inputs that the witness reads.
type callInput struct {
	SecretId                    string
	AddReplicaRegions           []struct{ Region, KmsKeyId string }
	RemoveReplicaRegions        []string
	ForceOverwriteReplicaSecret bool
	RotationLambdaARN           string
	RotateImmediately           *bool
	RotationRules               rules
	VersionStage                string
	RemoveFromVersionId         string
}

type rules struct {
	AutomaticallyAfterDays int64
	ScheduleExpression     string
	Duration               string
}

// described are the members of DescribeSecret's answer that the witness reads.
type described struct {
	ARN                string
	PrimaryRegion      string
	RotationEnabled    bool
	RotationLambdaARN  string
	RotationRules      rules
	ReplicationStatus  []struct{ Region, KmsKeyId, Status string }
	VersionIdsToStages map[string][]string
}

func (d *described) entry(region string) string {
	for _, e := range d.ReplicationStatus {
		if e.Region == region {
			return e.Status
		}
	}
	return ""
}

// readOf names the read that must come before a mutating operation.
var readOf = map[string]string{
	"ReplicateSecretToRegions": "DescribeSecret", "RemoveRegionsFromReplication": "DescribeSecret",
	"StopReplicationToReplica": "DescribeSecret", "RotateSecret": "DescribeSecret", "CancelRotateSecret": "DescribeSecret",
	"UpdateSecretVersionStage": "DescribeSecret", "PutSecretValue": "DescribeSecret",
	"PutResourcePolicy": "GetResourcePolicy", "DeleteResourcePolicy": "GetResourcePolicy",
	"AddPermission": "GetPolicy", "RemovePermission": "GetPolicy",
	"PutMetricAlarm": "DescribeAlarms", "PutCompositeAlarm": "DescribeAlarms",
	"EnableAlarmActions": "DescribeAlarms", "DisableAlarmActions": "DescribeAlarms",
	"PutMetricFilter": "DescribeMetricFilters", "CreateLogGroup": "DescribeMetricFilters",
}

func requestOf(req *http.Request) *request {
	ctx := req.Context()
	r := &request{region: awsmiddleware.GetRegion(ctx), op: awsmiddleware.GetOperationName(ctx)}
	_, r.mutating = readOf[r.op]
	if req.Body != nil {
		body, _ := io.ReadAll(req.Body)
		req.Body.Close()
		req.Body = io.NopCloser(bytes.NewReader(body))
		r.body = string(body)
	}
	if awsmiddleware.GetServiceID(ctx) == "Secrets Manager" {
		_ = json.Unmarshal([]byte(r.body), &r.in)
		r.subject = r.in.SecretId
	} else {
		r.body += req.URL.Path
	}
	return r
}

// touches are the places that a mutating call changes, or whose state it
// relies on.
func (r *request) touches() []place {
	read := readOf[r.op]
	list := []place{{r.process, r.region, read, r.subject}}
	for _, add := range r.in.AddReplicaRegions {
		list = append(list, place{r.process, add.Region, read, r.subject})
	}
	for _, gone := range r.in.RemoveReplicaRegions {
		list = append(list, place{r.process, gone, read, r.subject})
	}
	return list
}

// A place is what a process reads before it writes there.
type place struct {
	process      *process
	region       string
	read, secret string
}

// A reading is what a process last heard of a place.
type reading struct {
	at    time.Time
	known bool // answered, be it that there is nothing
	there *described
	spent bool // the process changed the place since
	// told: the change was a PutSecretValue, whose answer told the labels of the
	// version. DescribeSecret would not: it lists none without a label.
	told bool
}

// A witness stands between all processes and the simulator, and beside the
// state store. It knows nothing of planner or executor, only what a call
// means, and says when a guarantee is broken.
type witness struct {
	st *stage

	mu       sync.Mutex
	readings map[place]*reading
	labelled map[string]bool // every version ever seen, "secret version": under a label when last seen
	failures []violation
	excused  bool // an outsider is at work
	// rogue versions were written by an outsider, who may do so in the moment
	// between our look and our overwriting call: AWS has no conditional one.
	// What a look showed is guarded all the same, see replicates.
	rogue map[string]bool
	// dropped secrets had a replica removed by an outsider, which a partition
	// may delay for ever so long.
	dropped map[string]bool
	// doomed secrets were failed over to a region that a forced replication is
	// on its way to, and the operator, who was told so, accepted the loss:
	// what AWS has accepted can't be called back without the risk of deleting
	// the very copy.
	doomed map[string]bool
	// givenUp are versions, as in labelled, that a failback was told to lose.
	givenUp map[string]bool
	// superseded versions had lost their last label where they could be
	// written, to a newer one; a copy that has not heard of it yet may show
	// them under a label still, and go.
	superseded map[string]bool

	requests, mutations int
}

// A violation is one guarantee broken. Code is stable, for the shrinker.
type violation struct{ code, text string }

func (v violation) String() string { return v.code + ": " + v.text }

func newWitness(st *stage) *witness {
	return &witness{
		st: st, readings: map[place]*reading{}, labelled: map[string]bool{}, rogue: map[string]bool{}, dropped: map[string]bool{}, doomed: map[string]bool{}, givenUp: map[string]bool{}, superseded: map[string]bool{},
	}
}

func (w *witness) broken(code, format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.breakLocked(code, format, args...)
}

func (w *witness) breakLocked(code, format string, args ...any) {
	w.failures = append(w.failures, violation{code, fmt.Sprintf(format, args...)})
}

// sent judges an attempt as it leaves its process.
func (w *witness) sent(r *request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.requests++
	if !r.mutating {
		return
	}
	w.mutations++
	w.hasLease(r)
	w.hasLooked(r)
}

// hasLease is G7: looked at the lease at this very moment, and holds it.
func (w *witness) hasLease(r *request) {
	if !r.leaseRead.Equal(time.Now()) {
		w.breakLocked("G7 lease-unchecked", "%s: %s of %s in %s was sent %v after the lease was last looked at",
			r.process.holder, r.op, r.subject, r.region, time.Since(r.leaseRead))
	}
	lease, err := journal.Inspect(context.Background(), w.st.store, nil)
	if err != nil || !lease.Held || lease.Holder.Name != r.process.holder {
		w.breakLocked("G7 lease-lost", "%s: %s of %s in %s without the lease, which is with %s (%v)",
			r.process.holder, r.op, r.subject, r.region, lease.Holder.Name, err)
	}
}

// hasLooked is G5, and what follows from the look: nothing is done that it
// showed to be done already (G3), nothing overwritten or removed that it
// showed to be the only copy (G1).
func (w *witness) hasLooked(r *request) {
	for _, at := range r.touches() {
		see := w.readings[at]
		switch {
		case see == nil:
			w.breakLocked("G5 no-look", "%s: %s of %s in %s, and it never looked at %s", r.process.holder, r.op, r.subject, r.region, at.region)
			return
		case !see.known:
			w.breakLocked("G5 unknown", "%s: %s of %s in %s, and its last look at %s was not answered", r.process.holder, r.op, r.subject, r.region, at.region)
			return
		case see.spent && !(see.told && r.op == "UpdateSecretVersionStage"):
			w.breakLocked("G5 stale-look", "%s: %s of %s in %s, and it has not looked at %s since its last call", r.process.holder, r.op, r.subject, r.region, at.region)
			return
		}
	}
	w.needed(r)
}

func (w *witness) needed(r *request) {
	see := w.readings[r.touches()[0]].there
	if readOf[r.op] != "DescribeSecret" {
		return
	}
	if see == nil {
		w.breakLocked("G5 absent", "%s: %s of %s in %s, where there is none", r.process.holder, r.op, r.subject, r.region)
		return
	}
	done := ""
	switch r.op {
	case "StopReplicationToReplica":
		if see.PrimaryRegion == "" || see.PrimaryRegion == r.region {
			done = "it is no replica"
		}
	case "CancelRotateSecret":
		if !see.RotationEnabled {
			done = "rotation is off"
		}
	case "RotateSecret":
		if see.RotationEnabled && see.RotationLambdaARN == r.in.RotationLambdaARN && see.RotationRules.ScheduleExpression == r.in.RotationRules.ScheduleExpression {
			done = "it rotates so"
		}
	case "RemoveRegionsFromReplication":
		w.removes(r, see)
	case "ReplicateSecretToRegions":
		w.replicates(r, see)
	case "UpdateSecretVersionStage":
		w.unlabels(r, see)
	}
	if done != "" {
		w.breakLocked("G3 needless", "%s: %s of %s in %s, and its last look says: %s", r.process.holder, r.op, r.subject, r.region, done)
	}
}

func (w *witness) removes(r *request, see *described) {
	for _, region := range r.in.RemoveReplicaRegions {
		there := w.readings[place{r.process, region, "DescribeSecret", r.subject}].there
		switch {
		case see.entry(region) == "":
			w.breakLocked("G3 needless", "%s: %s of %s from %s, which %s does not list", r.process.holder, r.op, r.subject, region, r.region)
		case there != nil && there.PrimaryRegion != r.region:
			w.breakLocked("G1 removes-primary", "%s: %s of %s from %s, whose copy is no replica of %s", r.process.holder, r.op, r.subject, region, r.region)
		}
	}
}

func (w *witness) replicates(r *request, see *described) {
	for _, add := range r.in.AddReplicaRegions {
		there := w.readings[place{r.process, add.Region, "DescribeSecret", r.subject}].there
		if see.entry(add.Region) == topology.InSync && there != nil && there.PrimaryRegion == r.region {
			w.breakLocked("G3 needless", "%s: %s of %s to %s, which is in sync", r.process.holder, r.op, r.subject, add.Region)
		}
		if !r.in.ForceOverwriteReplicaSecret || there == nil {
			continue
		}
		all := w.st.sim.Secrets(account) // Describe lists no version without a label
		source, target := all[r.region][r.subject], all[add.Region][r.subject]
		for id, stages := range there.VersionIdsToStages {
			_, ok := source.Versions[id]
			void := target.Versions[id].Value == "" // a rotation's test, or one that died: see versions
			if v := r.subject + " " + id; !ok && !void && len(stages) > 0 && !w.givenUp[v] && !w.superseded[v] {
				w.breakLocked("G1 overwrites", "%s: %s of %s over %s, which holds %s %v and %s does not", r.process.holder, r.op, r.subject, add.Region, id, stages, r.region)
			}
		}
	}
}

// unlabels: no version that the look showed under one last label, and that is
// under none elsewhere, loses it. AWSPREVIOUS goes where AWSCURRENT was.
func (w *witness) unlabels(r *request, see *described) {
	losing := r.in.RemoveFromVersionId
	if r.in.VersionStage == topology.StageCurrent {
		losing = ""
		for id, stages := range see.VersionIdsToStages {
			if slices.Equal(stages, []string{topology.StagePrevious}) {
				losing = id
			}
		}
	} else if len(see.VersionIdsToStages[losing]) > 1 {
		losing = ""
	}
	v := r.subject + " " + losing
	if losing == "" || w.givenUp[v] || w.superseded[v] {
		return
	}
	all := w.st.sim.Secrets(account)
	for region, secrets := range all {
		if at := secrets[r.subject].Versions[losing]; region != r.region && len(at.Stages) > 0 {
			return
		}
	}
	if all[r.region][r.subject].Versions[losing].Value != "" {
		w.breakLocked("G1 unlabels", "%s: %s of %s in %s takes the last label off %s, which its look showed", r.process.holder, r.op, r.subject, r.region, losing)
	}
}

// arrives and served stand right before and after the simulator.
func (w *witness) arrives(r *request) {
	if !r.mutating {
		return
	}
	w.versions()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.spend(r) // until it is known to have been refused
}

func (w *witness) served(r *request, err error) {
	if !r.mutating {
		return
	}
	if errors.Is(err, syscall.ECONNREFUSED) { // nobody took it: it may be sent again without a look
		w.mu.Lock()
		w.unspend(r)
		w.mu.Unlock()
	}
	w.versionsAfter(r)
}

func (w *witness) unspend(r *request) {
	for _, at := range r.touches() {
		if see := w.readings[at]; see != nil {
			see.spent = false
		}
	}
}

func (w *witness) spend(r *request) {
	for _, at := range r.touches() {
		if see := w.readings[at]; see != nil {
			see.spent, see.told = true, false
		}
	}
}

// heard is an answer that came back to its process.
func (w *witness) heard(r *request, resp *http.Response) {
	body, _ := io.ReadAll(resp.Body)
	resp.Body = io.NopCloser(bytes.NewReader(body))
	refused := resp.StatusCode >= 400 && resp.StatusCode < 500
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.mutating {
		if refused {
			w.unspend(r)
		}
		if see := w.readings[place{r.process, r.region, "DescribeSecret", r.subject}]; see != nil && r.op == "PutSecretValue" {
			see.told = resp.StatusCode == http.StatusOK
		}
		return
	}
	see := &reading{at: time.Now()}
	w.readings[place{r.process, r.region, r.op, r.subject}] = see
	switch {
	case resp.StatusCode == http.StatusOK:
		see.known, see.there = true, &described{}
		if r.op == "DescribeSecret" {
			_ = json.Unmarshal(body, see.there)
		}
	case refused && (resp.StatusCode == http.StatusNotFound || bytes.Contains(body, []byte("ResourceNotFound"))):
		see.known = true
	}
}

// silent is a read that brought no answer.
func (w *witness) silent(r *request) {
	if r.mutating {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.readings[place{r.process, r.region, r.op, r.subject}] = &reading{at: time.Now()}
}

// outside does what is no doing of ours: what it destroys is not our loss.
func (w *witness) outside(rogue bool, do func() error) error {
	w.versions()
	err := do()
	w.mu.Lock()
	w.excused = rogue
	w.mu.Unlock()
	w.versions()
	w.mu.Lock()
	w.excused = false
	w.mu.Unlock()
	return err
}

func (w *witness) drops(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dropped[name] = true
}

// accepts notes what losses a move that goes ahead has announced.
func (w *witness) accepts(plan *planner.Plan) {
	copies := w.st.copies()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range plan.Notes {
		switch n.Code {
		case "overwrite-under-way":
			w.doomed[string(n.Secret)] = true
		case "given-up":
			for _, v := range mayGo(plan, n.Secret, find(copies[string(n.Secret)], string(plan.From))) {
				w.givenUp[string(n.Secret)+" "+v] = true
			}
		}
	}
}

// mayGo are the versions of a secret that a plan may destroy and that the
// acting primary does not hold.
func mayGo(plan *planner.Plan, n topology.Name, primary *copyOf) (ids []string) {
	for i := range plan.Steps {
		if plan.Steps[i].Secret != n {
			continue
		}
		for _, v := range plan.Steps[i].Expect.Versions {
			if primary == nil || primary.Versions[v].Value == "" {
				ids = append(ids, v)
			}
		}
	}
	return ids
}

// versions is G1: a version that was under a label when it was last seen is
// still somewhere. (One without a label is AWS's to delete, and so is one
// without a value, by which RotateSecret tests a function.)
func (w *witness) versions() { w.versionsAfter(nil) }

// versionsAfter is versions after a call of ours, which may not take the last
// label off either.
func (w *witness) versionsAfter(r *request) {
	now, replaced := map[string]bool{}, []string{}
	for region, secrets := range w.st.sim.Secrets(account) {
		for name, s := range secrets {
			for id, v := range s.Versions {
				if v.Value == "" {
					continue
				}
				key := name + " " + id
				now[key] = now[key] || len(v.Stages) > 0
				if len(v.Stages) == 0 && (&copyOf{region, s}).writable() {
					replaced = append(replaced, key)
				}
			}
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for v, labelled := range w.labelled {
		name, _, _ := strings.Cut(v, " ")
		still, held := now[v]
		if !held {
			delete(w.labelled, v)
		}
		if !labelled || still || w.excused || w.rogue[v] || w.dropped[name] || w.doomed[name] || w.givenUp[v] || w.superseded[v] {
			continue
		}
		switch {
		case !held:
			w.breakLocked("G1 lost", "version %s is nowhere any more", v)
		case r != nil && r.subject == name && (r.op == "UpdateSecretVersionStage" || r.op == "PutSecretValue"):
			w.breakLocked("G1 unlabelled", "%s: %s in %s took the last label off version %s", r.process.holder, r.op, r.region, v)
		}
	}
	for v, labelled := range now {
		if _, known := w.labelled[v]; !known && w.excused {
			w.rogue[v] = true
		}
		w.labelled[v] = labelled
	}
	for _, v := range replaced {
		w.superseded[v] = true
	}
}

// A copyOf is one region's copy in the simulator.
type copyOf struct {
	region string
	sim.SecretState
}

func (c *copyOf) writable() bool { return c.Primary == "" || c.Primary == c.region }

func (c *copyOf) rotates() bool {
	return c != nil && c.writable() && c.Rotation != nil && c.Rotation.Enabled
}

func (c *copyOf) stages() map[string]string {
	m := map[string]string{}
	for id, v := range c.Versions {
		for _, s := range v.Stages {
			m[s] = id
		}
	}
	return m
}

// copies are all secrets' copies, by name, in order of region.
func (st *stage) copies() map[string][]copyOf {
	out := map[string][]copyOf{}
	regions := st.sim.Secrets(account)
	for _, r := range st.desired.Regions() {
		for name, s := range regions[string(r)] {
			out[name] = append(out[name], copyOf{string(r), s})
		}
	}
	return out
}

func find(list []copyOf, region string) *copyOf {
	if i := slices.IndexFunc(list, func(c copyOf) bool { return c.region == region }); i >= 0 {
		return &list[i]
	}
	return nil
}

func regionsOf(list []copyOf) string {
	var names []string
	for _, c := range list {
		names = append(names, c.region)
	}
	return strings.Join(names, " and ")
}
