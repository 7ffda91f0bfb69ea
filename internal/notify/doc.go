// Package notify tells other systems what happened, and asks applications
// whether they are well after a move.
//
// Messages say which run, which secrets' names, how many, how long: never a
// secret value. A webhook that does not answer never fails a run, nor holds it
// up beyond a bound. A webhook's URL may hold a token, so neither logs nor
// errors show more of it than its host.
package notify
