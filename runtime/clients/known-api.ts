import type { Api, KnownApi } from '../core/access/clients.ts'

/**
 * An API's record with what every answer of it says: `Deprecation` (RFC 9745, seconds since 1970) from when on nobody is to
 * begin with it, `Sunset` (RFC 8594) when it ends.
 */
export function toKnownApi(api: Api): KnownApi {
  const { deprecatedAt, sunset, lifecycle } = api
  if (deprecatedAt === undefined && sunset === undefined) return api
  const deprecatedMs = Date.parse(deprecatedAt ?? '')
  const sunsetMs = Date.parse(sunset ?? '')
  const notice: string[] = []
  if (!Number.isNaN(deprecatedMs)) notice.push('Deprecation', `@${Math.floor(deprecatedMs / 1000)}`)
  if (!Number.isNaN(sunsetMs)) notice.push('Sunset', new Date(sunsetMs).toUTCString())
  return Object.freeze({
    ...api,
    ...(sunset === undefined ? {} : { sunsetMs: Number.isNaN(sunsetMs) ? 0 : sunsetMs }),
    // What was never published has nobody to tell.
    ...(notice.length > 0 && lifecycle !== 'CREATED' ? { notice: Object.freeze(notice) } : {}),
  })
}
