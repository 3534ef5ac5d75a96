/** Characters of what is imported: a private key of RSA with 4096 bits has about 3,300 in PEM and as a JWK, a chain of ten certificates some 30,000. */
export const keyMaterialLimit = 16_384
export const certificatesLimit = 100_000
