#pragma once
#include <stddef.h>
#include <stdint.h>

/// What Identity needs of OpenSSL's libcrypto: signatures in CMS (RFC 5652) and the check of raw ones, with whatever
/// algorithm the key is of, GOST R 34.10-2012 included where an engine brings it.
///
/// Every function that may fail writes the reason, a sentence for an operator, into `reason` (at most `room` bytes with
/// its final zero).

/// A certificate with its private key.
typedef struct zvonok_signer zvonok_signer;
/// A certificate by which somebody else's signatures are checked.
typedef struct zvonok_verifier zvonok_verifier;

/// Loads an engine ("gost") and lets it answer for its algorithms in this process. 1 = loaded, now or before.
int zvonok_engine_load(const char *name, char *reason, size_t room);

/// Reads a certificate, with its chain behind it if there is one, and its private key; both PEM. NULL on failure.
zvonok_signer *zvonok_signer_open(const char *certificate, const char *key, char *reason, size_t room);
void zvonok_signer_close(zvonok_signer *signer);
/// Until when the certificate is good, in seconds since 1970.
int64_t zvonok_signer_until(const zvonok_signer *signer);
/// A detached signature of the message, in DER, to be given back by `zvonok_free`. NULL on failure.
uint8_t *zvonok_signer_sign(
    const zvonok_signer *signer, const uint8_t *message, size_t length, size_t *size, char *reason, size_t room);

/// Reads a certificate in PEM. NULL on failure.
zvonok_verifier *zvonok_verifier_open(const char *certificate, char *reason, size_t room);
void zvonok_verifier_close(zvonok_verifier *verifier);
int64_t zvonok_verifier_until(const zvonok_verifier *verifier);
/// The one algorithm, as JSON Web Tokens call it, that a signature by this certificate's key may have; "" for a key of no
/// kind we know.
const char *zvonok_verifier_algorithm(const zvonok_verifier *verifier);
/// 1 = the signature is the certificate's over the message, by the one algorithm.
int zvonok_verifier_check(
    const zvonok_verifier *verifier, const uint8_t *message, size_t length, const uint8_t *signature, size_t size);

void zvonok_free(void *memory);
