import { X509Certificate } from 'node:crypto'
import { Refused } from '../refused.ts'
import { certificatesLimit } from '../words/input-limits.ts'

const block = /-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g
const chainAtMost = 10

/**
 * The certificates of a PEM text (RFC 7468), the one it is about first, then who issued it, and so on.
 * @throws Refused `certificate.private_key`, `certificate.invalid`
 */
export function parseCertificates(pem: string): readonly X509Certificate[] {
  if (typeof pem !== 'string' || pem.length > certificatesLimit) throw invalid('The text is no PEM, or is longer than a chain of certificates is.')
  const blocks = [...pem.matchAll(block)]
  // Said before anything else: who pasted a key has to know that it was shown to this form.
  if (/-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/.test(pem)) {
    throw new Refused('certificate.private_key', 422, 'The text holds a private key. Nothing was kept; paste the certificate alone. Keys for the vault are made in the vault.')
  }
  const other = blocks.find(([, label]) => label !== 'CERTIFICATE')
  if (other) throw invalid(`The text holds a ${(other[1] as string).toLowerCase()}. Paste certificates only.`)
  if (blocks.length === 0) throw invalid('The text holds no certificate in PEM: it begins with -----BEGIN CERTIFICATE-----.')
  if (blocks.length > chainAtMost) throw invalid(`A chain has at most ${chainAtMost} certificates.`)
  const certificates = blocks.map(([text], index) => {
    try {
      return new X509Certificate(text)
    } catch {
      throw invalid(`Certificate ${index + 1} of the text cannot be read.`)
    }
  })
  const broken = certificates.findIndex((certificate, index) => {
    const issuer = certificates[index + 1]
    return issuer !== undefined && !(certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey))
  })
  if (broken !== -1) throw invalid(`Certificate ${broken + 2} of the text did not issue the one before it. Paste the certificate first, then its issuer, and so on.`)
  return certificates
}

function invalid(message: string): Refused {
  return new Refused('certificate.invalid', 422, message)
}
