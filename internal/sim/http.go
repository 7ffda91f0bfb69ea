package sim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// maxBody bounds a request's body, in bytes. AWS's own limits are lower for
// every service here but Lambda's zip upload (50 MB, base64 in JSON).
const maxBody = 72 << 20

// An answer is what a call came to: a buffered HTTP response, or a connection
// that broke before one came.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
	broken error // errRefused, errReset, or the caller's context error
}

var (
	errRefused = errors.New("connection refused")
	errReset   = errors.New("connection reset by peer")
)

func newAnswer() *answer { return &answer{header: http.Header{}, status: http.StatusOK} }

// Header, WriteHeader and Write make an answer an http.ResponseWriter.
func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(p []byte) (int, error) { return a.body.Write(p) }

// ServeHTTP serves the AWS protocols and the control surface on one socket.
func (c *Cloud) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	a := c.serve(req)
	if a.broken != nil {
		breakConnection(w)
		return
	}
	for k, v := range a.header {
		w.Header()[k] = v
	}
	w.Header().Set("Content-Length", strconv.Itoa(a.body.Len()))
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body.Bytes()) // the caller may be gone; there is nobody to tell
}

// breakConnection resets the TCP connection, as a dead host would.
func breakConnection(w http.ResponseWriter) {
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		panic(http.ErrAbortHandler) // HTTP/2: net/http resets the stream
	}
	conn, _, err := hijacker.Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // makes Close send RST instead of FIN
	}
	_ = conn.Close()
}

// roundTrip is ServeHTTP without a socket.
func (c *Cloud) roundTrip(req *http.Request) (*http.Response, error) {
	a := c.serve(req)
	switch {
	case a.broken == nil:
	case errors.Is(a.broken, errRefused):
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	case errors.Is(a.broken, errReset):
		return nil, &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	default:
		return nil, a.broken
	}
	return &http.Response{
		Status:     fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)),
		StatusCode: a.status,
		Proto:      "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        a.header,
		Body:          io.NopCloser(bytes.NewReader(a.body.Bytes())),
		ContentLength: int64(a.body.Len()),
		Request:       req,
	}, nil
}

// serve answers one HTTP request of either kind.
func (c *Cloud) serve(req *http.Request) *answer {
	a := newAnswer()
	body, err := readBody(req)
	switch {
	case err != nil && req.Context().Err() != nil:
		a.broken = req.Context().Err()
	case err != nil:
		http.Error(a, err.Error(), http.StatusRequestEntityTooLarge)
	case strings.HasPrefix(req.URL.Path, "/_sim/"):
		c.control(a, req, body)
	default:
		c.serveCall(a, req, body)
	}
	if a.broken == nil { // whoever compares dates must be able to compare clocks
		a.header.Set("Date", c.Now().UTC().Format(http.TimeFormat))
	}
	return a
}

func readBody(req *http.Request) ([]byte, error) {
	if req.Body == nil {
		return nil, nil
	}
	defer func() { _ = req.Body.Close() }() // it was read; nothing depends on it
	body, err := io.ReadAll(io.LimitReader(req.Body, maxBody+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxBody {
		return nil, fmt.Errorf("request body larger than %d bytes", maxBody)
	}
	return body, nil
}

// serveCall takes one AWS call through region state, faults, latency and
// quota to its operation, and renders what comes of it. A call that could not
// be read goes the same way: a region that hangs, hangs for it too.
func (c *Cloud) serveCall(a *answer, req *http.Request, body []byte) {
	r, wire, bad := c.parseRequest(req, body)
	op := c.ops[r.service][r.op]
	fault, refused, err := c.admit(req.Context(), r, op)
	if err != nil {
		a.broken = err
		return
	}
	if refused != nil {
		bad = refused
	}
	var out any
	if bad == nil {
		out, bad = c.perform(r, op)
	}
	if fault.Fault == FaultLostAnswer {
		a.broken = errReset
		return
	}
	c.render(a, r, wire, out, bad)
}

// admit counts the attempt and lets the region's state and the faults have
// their way with it: a broken connection as err, an error answer as refused.
// Waiting happens outside the lock.
func (c *Cloud) admit(ctx context.Context, r *request, op operation) (f Fault, refused *apiError, err error) {
	c.mu.Lock()
	c.settleLocked(c.nowLocked()) // a fault plan may have something due
	count := c.calls.of(r)
	count.Total++
	if op.mutating {
		count.Mutating++
	}
	state := c.regionStateOf(r.region, r.service)
	if state == RegionUp || state == RegionPartitioned {
		f, _ = c.takeFault(r, op)
	}
	c.mu.Unlock()

	switch state {
	case RegionHang:
		<-ctx.Done()
		return f, nil, ctx.Err()
	case RegionRefuse:
		return f, nil, errRefused
	}
	if err := wait(ctx, c.roundTripTime(r.region)+f.Delay.duration()); err != nil {
		return f, nil, err
	}
	switch {
	case state == RegionUnavailable:
		refused = unavailable()
	case state == RegionThrottle, f.Fault == FaultThrottle:
		refused = c.throttled(r.service)
	case f.Fault == FaultError:
		refused = faultError(f.Code, r.service)
	}
	return f, refused, nil
}

// perform runs the operation in the cloud's one order of things.
func (c *Cloud) perform(r *request, op operation) (any, *apiError) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r.now = c.nowLocked()
	if !c.withinQuota(r, op) {
		return nil, c.throttled(r.service)
	}
	c.settleLocked(r.now)
	out, err := op.handle(r)
	if op.mutating {
		c.tellLocked(r.now)
	}
	if err == nil {
		// What is due at once, such as replication without lag, is done
		// before the caller can ask again.
		c.settleLocked(r.now)
		return out, nil
	}
	if failure, ok := errors.AsType[*apiError](err); ok {
		return nil, failure
	}
	return nil, internalError(err)
}

func (c *Cloud) render(a *answer, r *request, wire codec, out any, bad *apiError) {
	if bad == nil {
		wire.writeResult(a, r, out)
		return
	}
	if isThrottle(bad.Code) {
		c.mu.Lock()
		c.calls.of(r).Throttled++
		c.mu.Unlock()
	}
	if bad.Status == http.StatusTooManyRequests {
		a.header.Set("Retry-After", "1")
	}
	wire.writeError(a, r, bad)
}
