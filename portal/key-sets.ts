import { createHash } from 'node:crypto'
import type { PortalOptions } from './portal.ts'
import { sendProblem, sendText } from './web/reply.ts'
import type { PageRoute } from './web/router.ts'

/** Seconds that others may keep a key set. */
const maxAgeS = 60

/** Public halves of keys, for whoever verifies what we signed or encrypts for us (RFC 7517). Nobody has to sign in for them. */
export function keySetRoutes({ control }: Pick<PortalOptions, 'control'>): PageRoute[] {
  return [
    {
      method: 'GET', path: '/key-sets/:name/jwks.json', access: 'public',
      async handle({ request, response }, { name }) {
        // Scripts on other sites may read it as everybody else may.
        response.setHeader('access-control-allow-origin', '*')
        let text: string
        try {
          text = JSON.stringify(await control.dataProtection.keys.published(name!))
        } catch (thrown) {
          return sendProblem(response, thrown)
        }
        const etag = `"${createHash('sha256').update(text).digest('base64url').slice(0, 27)}"`
        response.setHeader('etag', etag)
        response.setHeader('cache-control', `public, max-age=${maxAgeS}`)
        if (isKnown(request.headers['if-none-match'], etag)) return void response.writeHead(304).end()
        sendText(response, 200, 'application/jwk-set+json', text)
      },
    },
  ]
}

/** RFC 9110 §13.1.2: compared weakly. */
function isKnown(header: string | undefined, etag: string): boolean {
  return header !== undefined && header.split(',').some((one) => one.trim() === '*' || one.trim().replace(/^W\//, '') === etag)
}
