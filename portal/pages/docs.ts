import type { PortalOptions } from '../portal.ts'
import type { PageRoute } from '../web/router.ts'
export function docsRoutes(_options: PortalOptions): PageRoute[] { return [] }
