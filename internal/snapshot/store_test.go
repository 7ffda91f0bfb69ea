package snapshot

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/topology"
)

func TestWhatIsSavedIsLoaded(t *testing.T) {
	ctx, store := context.Background(), journal.NewMemory()
	if s, err := Load(ctx, store); s != nil || err != nil {
		t.Fatalf("an empty store has a snapshot: %v %v", s, err)
	}
	threshold := 1.5
	v := view(east, secret(east, "v1"))
	v.Alarms = map[string]*topology.Alarm{"a": {Name: "a", Threshold: &threshold}}
	v.Secrets["prod/db"].Rotation = topology.Rotation{Enabled: true, LambdaARN: "arn", Rules: topology.RotationRules{Schedule: "cron(0 4 1 * ? *)", Duration: "3h"}}
	want := capture(monday, v)
	if _, err := Save(ctx, store, want); err != nil {
		t.Fatal(err)
	}
	got, err := Load(ctx, store)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestCapturesAtTheSameTimeBothGetIn(t *testing.T) {
	ctx, store := context.Background(), journal.NewMemory()
	regions := []topology.Region{"us-east-1", "us-west-2", "eu-west-1", "eu-north-1", "ap-south-1"}
	var wg sync.WaitGroup
	for _, r := range regions {
		wg.Go(func() {
			if _, err := Save(ctx, store, capture(monday, view(r, secret(r, "v1")))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	got, err := Load(ctx, store)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range regions {
		if s, known := got.Secret(r, "prod/db"); !known || s == nil {
			t.Errorf("the capture of %s was lost", r)
		}
	}
}

func TestAnotherAccountIsRefused(t *testing.T) {
	ctx, store := context.Background(), journal.NewMemory()
	if _, err := Save(ctx, store, capture(monday, view(east))); err != nil {
		t.Fatal(err)
	}
	other := capture(tuesday, view(east))
	other.Account = "999999999999"
	if _, err := Save(ctx, store, other); !errors.Is(err, ErrAccount) {
		t.Errorf("err = %v, want ErrAccount", err)
	}
}

func TestATornSnapshotIsCorruptAndNotEmpty(t *testing.T) {
	ctx, store := context.Background(), journal.NewMemory()
	if _, err := Save(ctx, store, capture(monday, view(east, secret(east, "v1")))); err != nil {
		t.Fatal(err)
	}
	data, rev, _ := store.Get(ctx, Key)
	if _, err := store.Put(ctx, Key, data[:len(data)-4], rev); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(ctx, store); !errors.Is(err, journal.ErrCorrupt) {
		t.Errorf("err = %v, want ErrCorrupt", err)
	}
	if got, err := Save(ctx, store, capture(tuesday, view(east))); err != nil || !got.View(east).Taken.Equal(tuesday) {
		t.Errorf("a capture after it: %v", err)
	}
	if _, err := Load(ctx, store); err != nil {
		t.Errorf("it is not written anew: %v", err)
	}
	if kept, _, err := store.Get(ctx, AsideKey); err != nil || !bytes.Equal(kept, data[:len(data)-4]) {
		t.Errorf("what could not be read is not kept: %v", err)
	}
}
