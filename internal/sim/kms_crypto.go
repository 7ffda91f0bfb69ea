package sim

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"fmt"
	"strings"
)

// Ciphertexts are real AES-GCM under a key derived from the KMS key's id and
// the account, bound to the encryption context; the simulator keeps nothing
// secret, it only makes wrong keys and wrong contexts fail. A multi-Region
// key's material is the same in all its regions.

type cryptoInput struct {
	KeyId             *string `check:"len=1..2048"`
	Plaintext         []byte  `check:"len=1..4096"`
	CiphertextBlob    []byte  `check:"len=1..6144"`
	EncryptionContext map[string]string
	KeySpec           *string `check:"enum=AES_256|AES_128"`
	NumberOfBytes     *int    `check:"range=1..1024"`
	DryRun            bool
}

func (r *request) materialOf(account string, keyID string) (cipher.AEAD, error) {
	sum := sha256.Sum256(fmt.Appendf(nil, "kms/%d/%s/%s", r.cloud.opts.Seed, account, keyID))
	block, err := aes.NewCipher(sum[:])
	if err != nil {
		return nil, fmt.Errorf("derive key material: %w", err)
	}
	return cipher.NewGCM(block)
}

func contextBytes(context map[string]string) []byte {
	var b []byte
	for _, k := range sortedNames(context) {
		b = fmt.Appendf(b, "%q=%q;", k, context[k])
	}
	return b
}

// cryptoKey finds a key that can encrypt now.
func (r *request) cryptoKey(id *string) (*key, *apiError) {
	if id == nil {
		return nil, r.invalid("1 validation error detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null")
	}
	k, bad := r.findKey(*id)
	if bad != nil {
		return nil, bad
	}
	if bad := k.usable(); bad != nil {
		return nil, bad
	}
	if k.usage != "ENCRYPT_DECRYPT" || k.spec != "SYMMETRIC_DEFAULT" {
		return nil, errorf("InvalidKeyUsageException", 400, "%s key usage is %s which is not valid for %s.", k.arn, k.usage, r.op)
	}
	return k, nil
}

// dryRun is how KMS says yes to DryRun: with an error.
func dryRun() *apiError {
	return errorf("DryRunOperationException", 412, "The request would have succeeded, but the DryRun option is set.")
}

func (r *request) seal(k *key, plain []byte, context map[string]string) ([]byte, error) {
	account := strings.Split(k.arn, ":")[4]
	aead, err := r.materialOf(account, k.id)
	if err != nil {
		return nil, err
	}
	blob := append([]byte{1, byte(len(k.id))}, account+k.id...)
	nonce := make([]byte, aead.NonceSize())
	for i := range nonce {
		nonce[i] = byte(r.cloud.rng.Uint32())
	}
	blob = append(blob, nonce...)
	return aead.Seal(blob, nonce, plain, contextBytes(context)), nil
}

func kmsEncrypt(r *request) (any, error) {
	var in cryptoInput
	if err := r.read(&in); err != nil {
		return nil, err
	}
	k, bad := r.cryptoKey(in.KeyId)
	if bad != nil {
		return nil, bad
	}
	if in.Plaintext == nil {
		return nil, r.invalid("1 validation error detected: Value null at 'plaintext' failed to satisfy constraint: Member must not be null")
	}
	if in.DryRun {
		return nil, dryRun()
	}
	blob, err := r.seal(k, in.Plaintext, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	return struct {
		CiphertextBlob             []byte
		KeyId, EncryptionAlgorithm string
	}{blob, k.arn, "SYMMETRIC_DEFAULT"}, nil
}

func kmsDecrypt(r *request) (any, error) {
	var in cryptoInput
	if err := r.read(&in); err != nil {
		return nil, err
	}
	blob := in.CiphertextBlob
	wrong := errorf("InvalidCiphertextException", 400, "")
	if len(blob) < 2+12 || blob[0] != 1 || len(blob) < 2+12+int(blob[1])+12 {
		return nil, wrong
	}
	account, id, rest := string(blob[2:14]), string(blob[14:14+int(blob[1])]), blob[14+int(blob[1]):]
	k, ok := r.cloud.store(account, r.region).resolveKey(id)
	if !isAccount(account) || !ok {
		return nil, wrong
	}
	if in.KeyId != nil {
		named, bad := r.findKey(*in.KeyId)
		if bad != nil {
			return nil, bad
		}
		if named.arn != k.arn {
			return nil, errorf("IncorrectKeyException", 400, "The key ID in the request does not identify a CMK that can perform this operation.")
		}
	}
	if bad := k.usable(); bad != nil {
		return nil, bad
	}
	aead, err := r.materialOf(account, id)
	if err != nil {
		return nil, err
	}
	plain, err := aead.Open(nil, rest[:12], rest[12:], contextBytes(in.EncryptionContext))
	if err != nil {
		return nil, wrong
	}
	if in.DryRun {
		return nil, dryRun()
	}
	return struct {
		Plaintext                  []byte
		KeyId, EncryptionAlgorithm string
	}{plain, k.arn, "SYMMETRIC_DEFAULT"}, nil
}

func generateDataKey(r *request) (any, error) {
	var in cryptoInput
	if err := r.read(&in); err != nil {
		return nil, err
	}
	k, bad := r.cryptoKey(in.KeyId)
	if bad != nil {
		return nil, bad
	}
	size := map[string]int{"AES_256": 32, "AES_128": 16}[deref(in.KeySpec)]
	if (in.KeySpec == nil) == (in.NumberOfBytes == nil) {
		return nil, errorf("ValidationException", 400, "Please specify either number of bytes or key spec.")
	}
	if in.NumberOfBytes != nil {
		size = *in.NumberOfBytes
	}
	if in.DryRun {
		return nil, dryRun()
	}
	plain := make([]byte, size)
	for i := range plain {
		plain[i] = byte(r.cloud.rng.Uint32())
	}
	blob, err := r.seal(k, plain, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	out := struct {
		CiphertextBlob []byte
		Plaintext      []byte `json:",omitempty"`
		KeyId          string
	}{blob, plain, k.arn}
	if r.op == "GenerateDataKeyWithoutPlaintext" {
		out.Plaintext = nil
	}
	return out, nil
}
