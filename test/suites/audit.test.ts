import { auditSuite } from './audit-suite.ts'
import { onBothStores } from './both-stores.ts'

onBothStores('audit', auditSuite)
