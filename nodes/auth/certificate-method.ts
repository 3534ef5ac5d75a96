import type { Clients } from '../../runtime/core/access/clients.ts'
import { absent, type Method, refused } from './verdict.ts'

/** The client certificate that TLS verified: its chain is the connection's matter, whose it is the records'. */
export function createCertificateMethod(clients: Clients): Method {
  return {
    kind: 'certificate',
    scheme: 'ClientCertificate',
    carries: {},
    verify({ request }) {
      const certificate = request.clientCertificate
      if (!certificate) return absent
      const known = clients.byCertificate({ fingerprint: certificate.fingerprint256, sans: certificate.sans ?? [] })
      return known ? { kind: 'known', who: { known, scopes: [] } } : refused('auth.certificate', 'no record knows the certificate')
    },
  }
}
