// Engines are marked as deprecated in OpenSSL 3 and are the only door to GOST there: its provider has digests and
// ciphers, no signatures.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "COpenSSL.h"

#include <openssl/cms.h>
#include <openssl/engine.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct zvonok_signer {
    X509 *certificate;
    STACK_OF(X509) *chain;
    EVP_PKEY *key;
};

struct zvonok_verifier {
    X509 *certificate;
    EVP_PKEY *key;
    const char *algorithm;
};

/// A sentence, and behind it what libcrypto says.
static void explain(char *reason, size_t room, const char *format, ...) {
    if (room == 0) return;
    va_list values;
    va_start(values, format);
    int used = vsnprintf(reason, room, format, values);
    va_end(values);
    // The last word is about what came of it, the first about what went wrong.
    unsigned long code = ERR_get_error();
    ERR_clear_error();
    if (code != 0 && used >= 0 && (size_t)used + 3 < room) {
        const char *why = ERR_reason_error_string(code);
        snprintf(reason + used, room - (size_t)used, ": %s", why != NULL ? why : "libcrypto says no more");
    }
}

int zvonok_engine_load(const char *name, char *reason, size_t room) {
    ERR_clear_error();
    ENGINE_load_builtin_engines();
    ENGINE *engine = ENGINE_by_id(name);
    if (engine == NULL) {
        explain(reason, room, "OpenSSL has no engine «%s»", name);
        return 0;
    }
    int isLoaded = 0;
    if (ENGINE_init(engine) == 1) {
        // The default holds a reference of its own for as long as the process lives.
        isLoaded = ENGINE_set_default(engine, ENGINE_METHOD_ALL & ~ENGINE_METHOD_RAND);
        ENGINE_finish(engine);
    }
    if (!isLoaded) explain(reason, room, "the engine «%s» of OpenSSL cannot be used", name);
    ENGINE_free(engine);
    return isLoaded;
}

static X509 *read_certificate(BIO *file) { return PEM_read_bio_X509(file, NULL, NULL, NULL); }

/// A key with a password would make libcrypto ask at the terminal.
static int no_password(char *buffer, int size, int writes, void *data) {
    (void)buffer, (void)size, (void)writes, (void)data;
    return -1;
}

static int64_t until(const X509 *certificate) {
    struct tm end;
    if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) != 1) return 0;
    return (int64_t)timegm(&end);
}

zvonok_signer *zvonok_signer_open(const char *certificate, const char *key, char *reason, size_t room) {
    ERR_clear_error();
    zvonok_signer *signer = calloc(1, sizeof *signer);
    if (signer == NULL) return NULL;
    BIO *file = BIO_new_file(certificate, "r");
    if (file == NULL) {
        explain(reason, room, "the certificate %s cannot be read", certificate);
        goto failed;
    }
    signer->certificate = read_certificate(file);
    signer->chain = sk_X509_new_null();
    if (signer->certificate == NULL || signer->chain == NULL) {
        BIO_free(file);
        explain(reason, room, "%s holds no certificate in PEM", certificate);
        goto failed;
    }
    for (X509 *next; (next = read_certificate(file)) != NULL;) sk_X509_push(signer->chain, next);
    ERR_clear_error();
    BIO_free(file);

    file = BIO_new_file(key, "r");
    if (file == NULL) {
        explain(reason, room, "the private key %s cannot be read", key);
        goto failed;
    }
    signer->key = PEM_read_bio_PrivateKey(file, NULL, no_password, NULL);
    BIO_free(file);
    if (signer->key == NULL) {
        explain(
            reason, room,
            "%s holds no private key in PEM that OpenSSL understands without a password; a GOST key needs the engine",
            key);
        goto failed;
    }
    if (X509_check_private_key(signer->certificate, signer->key) != 1) {
        explain(reason, room, "%s is not the key of %s", key, certificate);
        goto failed;
    }
    return signer;
failed:
    zvonok_signer_close(signer);
    return NULL;
}

void zvonok_signer_close(zvonok_signer *signer) {
    if (signer == NULL) return;
    X509_free(signer->certificate);
    sk_X509_pop_free(signer->chain, X509_free);
    EVP_PKEY_free(signer->key);
    free(signer);
}

int64_t zvonok_signer_until(const zvonok_signer *signer) { return until(signer->certificate); }

uint8_t *zvonok_signer_sign(
    const zvonok_signer *signer, const uint8_t *message, size_t length, size_t *size, char *reason, size_t room
) {
    ERR_clear_error();
    const unsigned flags = CMS_DETACHED | CMS_BINARY | CMS_NOSMIMECAP;
    uint8_t *out = NULL;
    CMS_ContentInfo *signedData = NULL;
    BIO *content = BIO_new_mem_buf(message, (int)length);
    if (content == NULL) goto end;
    signedData = CMS_sign(NULL, NULL, signer->chain, content, flags | CMS_PARTIAL);
    if (signedData == NULL) goto end;
    // Without a digest named, the key's own: SHA-256 for RSA, GOST R 34.11-2012 for GOST.
    if (CMS_add1_signer(signedData, signer->certificate, signer->key, NULL, flags) == NULL) goto end;
    if (CMS_final(signedData, content, NULL, flags) != 1) goto end;
    unsigned char *der = NULL;
    int written = i2d_CMS_ContentInfo(signedData, &der);
    if (written <= 0) goto end;
    out = malloc((size_t)written);
    if (out != NULL) {
        memcpy(out, der, (size_t)written);
        *size = (size_t)written;
    }
    OPENSSL_free(der);
end:
    if (out == NULL) explain(reason, room, "the signature could not be made");
    CMS_ContentInfo_free(signedData);
    BIO_free(content);
    return out;
}

zvonok_verifier *zvonok_verifier_open(const char *certificate, char *reason, size_t room) {
    ERR_clear_error();
    zvonok_verifier *verifier = calloc(1, sizeof *verifier);
    if (verifier == NULL) return NULL;
    verifier->algorithm = "";
    BIO *file = BIO_new_file(certificate, "r");
    if (file == NULL) {
        explain(reason, room, "the certificate %s cannot be read", certificate);
        goto failed;
    }
    verifier->certificate = read_certificate(file);
    BIO_free(file);
    if (verifier->certificate == NULL) {
        explain(reason, room, "%s holds no certificate in PEM", certificate);
        goto failed;
    }
    verifier->key = X509_get_pubkey(verifier->certificate);
    if (verifier->key == NULL) {
        explain(reason, room, "OpenSSL does not know the key of %s; a GOST key needs the engine", certificate);
        goto failed;
    }
    switch (EVP_PKEY_get_base_id(verifier->key)) {
    case EVP_PKEY_RSA: verifier->algorithm = "RS256"; break;
    case NID_id_GostR3410_2012_256: verifier->algorithm = "GOST3410_2012_256"; break;
    default: break;
    }
    return verifier;
failed:
    zvonok_verifier_close(verifier);
    return NULL;
}

void zvonok_verifier_close(zvonok_verifier *verifier) {
    if (verifier == NULL) return;
    X509_free(verifier->certificate);
    EVP_PKEY_free(verifier->key);
    free(verifier);
}

int64_t zvonok_verifier_until(const zvonok_verifier *verifier) { return until(verifier->certificate); }

const char *zvonok_verifier_algorithm(const zvonok_verifier *verifier) { return verifier->algorithm; }

int zvonok_verifier_check(
    const zvonok_verifier *verifier, const uint8_t *message, size_t length, const uint8_t *signature, size_t size
) {
    if (verifier->algorithm[0] == 0) return 0;
    const EVP_MD *digest = EVP_PKEY_get_base_id(verifier->key) == EVP_PKEY_RSA ? EVP_sha256() : NULL;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (context == NULL) return 0;
    int isRight = EVP_DigestVerifyInit(context, NULL, digest, NULL, verifier->key) == 1
        && EVP_DigestVerify(context, signature, size, message, length) == 1;
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return isRight;
}

void zvonok_free(void *memory) { free(memory); }
