import { onBothStores } from './both-stores.ts'
import { consumersSuite } from './consumers-suite.ts'

onBothStores('consumers', consumersSuite)
