package sim

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"
)

// control serves /_sim/, the surface beside the AWS protocols that makes the
// simulator fail, jump in time, and tell what it holds. Bodies are JSON;
// unknown keys are refused. An error answers 400 (404 and 405 for a path or
// method that is not there) with {"error": "KEY: what is wrong"}.
func (c *Cloud) control(w http.ResponseWriter, req *http.Request, body []byte) {
	path := strings.TrimSuffix(strings.TrimPrefix(req.URL.Path, "/_sim/"), "/")
	room, rest, _ := strings.Cut(path, "/")
	handlers, ok := controlRooms()[room]
	if !ok || rest != "" && room != "regions" && room != "functions" {
		writeJSON(w, http.StatusNotFound, controlError(fmt.Errorf("path: nothing at %s", req.URL.Path)))
		return
	}
	handle, ok := handlers[req.Method]
	if !ok {
		methods := slices.Sorted(maps.Keys(handlers))
		w.Header().Set("Allow", strings.Join(methods, ", "))
		writeJSON(w, http.StatusMethodNotAllowed,
			controlError(fmt.Errorf("method: %s takes %s", req.URL.Path, strings.Join(methods, ", "))))
		return
	}
	out, err := handle(c, rest, body)
	if err != nil {
		writeJSON(w, http.StatusBadRequest, controlError(err))
		return
	}
	writeJSON(w, http.StatusOK, out)
}

// A controlHandler does one thing; rest is what follows the room in the path.
type controlHandler func(c *Cloud, rest string, body []byte) (any, error)

func controlRooms() map[string]map[string]controlHandler {
	return map[string]map[string]controlHandler{
		"health":  {"GET": getHealth},
		"reset":   {"POST": postReset},
		"regions": {"GET": getRegions, "PUT": putRegion},
		"faults":  {"GET": getFaults, "POST": postFault, "DELETE": deleteFaults},
		"calls":   {"GET": getCalls, "DELETE": deleteCalls},
		"clock":   {"GET": getClock, "POST": postClock},
		"state":   {"GET": getState},

		"functions":         {"PUT": putFunction},
		"rotation-failures": {"POST": postRotationFailure},
		"logins":            {"GET": getLogins},
	}
}

func getHealth(*Cloud, string, []byte) (any, error) {
	return map[string]string{"status": "ok"}, nil
}

func postReset(c *Cloud, _ string, body []byte) (any, error) {
	in := struct {
		Fleet string `json:"fleet"`
	}{Fleet: "empty"}
	if err := decodeStrict(body, &in); err != nil {
		return nil, err
	}
	fleet, err := NamedFleet(in.Fleet)
	if err != nil {
		return nil, fmt.Errorf("fleet: %w", err)
	}
	c.Reset()
	if err := c.Load(fleet); err != nil {
		return nil, fmt.Errorf("fleet: %w", err)
	}
	return map[string]string{"fleet": in.Fleet}, nil
}

// Reset forgets everything: resources, region states, faults, counts, what
// Advance added. The seed starts over.
func (c *Cloud) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset = 0
	c.resetLocked()
}

func putRegion(c *Cloud, region string, body []byte) (any, error) {
	var in RegionState
	if err := decodeStrict(body, &in); err != nil {
		return nil, err
	}
	if err := c.SetRegion(region, in); err != nil {
		return nil, err
	}
	return c.regionStates()[region], nil
}

func getRegions(c *Cloud, region string, _ []byte) (any, error) {
	states := c.regionStates()
	if region == "" {
		return states, nil
	}
	if !regionName.MatchString(region) {
		return nil, fmt.Errorf("region: %q is not a region name: write it like us-east-1", region)
	}
	if s, ok := states[region]; ok {
		return s, nil
	}
	return RegionState{State: RegionUp}, nil
}

func (c *Cloud) regionStates() map[string]RegionState {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[string]RegionState{}
	for region, rc := range c.regions {
		out[region] = rc.RegionState
	}
	return out
}

// faultView is a fault as GET /_sim/faults lists it.
type faultView struct {
	Fault
	Hits int `json:"hits"`
}

func getFaults(c *Cloud, _ string, _ []byte) (any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := []faultView{}
	for _, f := range c.faults {
		out = append(out, faultView{f.Fault, f.hits})
	}
	return out, nil
}

func postFault(c *Cloud, _ string, body []byte) (any, error) {
	var f Fault
	if err := decodeStrict(body, &f); err != nil {
		return nil, err
	}
	if err := c.AddFault(f); err != nil {
		return nil, err
	}
	return f, nil
}

func deleteFaults(c *Cloud, _ string, _ []byte) (any, error) {
	c.ClearFaults()
	return struct{}{}, nil
}

func getCalls(c *Cloud, _ string, _ []byte) (any, error) { return c.Calls(), nil }

func deleteCalls(c *Cloud, _ string, _ []byte) (any, error) {
	c.ResetCalls()
	return struct{}{}, nil
}

func getClock(c *Cloud, _ string, _ []byte) (any, error) {
	return map[string]time.Time{"now": c.Now()}, nil
}

func postClock(c *Cloud, _ string, body []byte) (any, error) {
	var in struct {
		Advance *Duration `json:"advance"`
	}
	if err := decodeStrict(body, &in); err != nil {
		return nil, err
	}
	if in.Advance == nil {
		return nil, errors.New("advance: missing: say how far, like {\"advance\": \"720h\"}")
	}
	c.Advance(in.Advance.duration())
	return map[string]time.Time{"now": c.Now()}, nil
}

func getState(c *Cloud, _ string, _ []byte) (any, error) { return c.State(), nil }

// decodeStrict reads one JSON object into v. An empty body leaves v alone; an
// unknown key or a wrong type is an error that names the key.
func decodeStrict(body []byte, v any) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return jsonError(err, body, v)
	}
	if _, err := dec.Token(); err != io.EOF {
		return errors.New("body: more than one JSON value")
	}
	return nil
}

// jsonError says which key is wrong, in the control surface's words.
func jsonError(err error, body []byte, v any) error {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("%s: %s is not what belongs here", cmp.Or(wrong.Field, "body"), wrong.Value)
	}
	const unknown = `json: unknown field `
	if key, found := strings.CutPrefix(err.Error(), unknown); found {
		return fmt.Errorf("%s: unknown key", strings.Trim(key, `"`))
	}
	return fmt.Errorf("%s: %w", cmp.Or(badKey(body, v), "body"), err)
}

// badKey finds the key whose text a type such as Duration refused: package
// json passes such an error on without saying where.
func badKey(body []byte, v any) string {
	var object map[string]json.RawMessage
	if json.Unmarshal(body, &object) != nil {
		return ""
	}
	for _, key := range slices.Sorted(maps.Keys(object)) {
		alone, err := json.Marshal(map[string]json.RawMessage{key: object[key]})
		if err == nil && json.Unmarshal(alone, reflect.New(reflect.TypeOf(v).Elem()).Interface()) != nil {
			return key
		}
	}
	return ""
}

func controlError(err error) any { return map[string]string{"error": err.Error()} }

func writeJSON(w http.ResponseWriter, status int, v any) {
	out, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		status, out = http.StatusInternalServerError, []byte(`{"error": "body: cannot be written as JSON"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(out, '\n')) // an answer is buffered, it cannot break
}
