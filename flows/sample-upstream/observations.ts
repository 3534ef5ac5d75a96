import { lastSlot, taipeiTime } from './taipei-time.ts'

type Station = readonly [name: string, id: string, lat: number, lon: number, temperature: number, city: string, town: string]

/**
 * Weather stations with invented temperatures. As in life, several districts of 臺北市 have none of their
 * own, and one station reports -99, which says that its thermometer is out of order.
 */
const stationList: readonly Station[] = [
  ['臺北', '466920', 25.0377, 121.5149, 22.4, '臺北市', '中正區'],
  ['大安森林', 'CAAH60', 25.0297, 121.5353, 22.1, '臺北市', '大安區'],
  ['信義', 'C0AC70', 25.0378, 121.5646, 22.6, '臺北市', '信義區'],
  ['內湖', 'C0A9F0', 25.0794, 121.5750, -99, '臺北市', '內湖區'],
  ['社子', 'C0A980', 25.1095, 121.4697, 21.8, '臺北市', '士林區'],
  ['陽明山', '466930', 25.1621, 121.5445, 17.2, '臺北市', '北投區'],
  ['鞍部', '466910', 25.1826, 121.5297, 15.9, '臺北市', '北投區'],
  ['石碑嶺', 'C0A9B0', 25.0013, 121.6003, 19.4, '臺北市', '文山區'],
  ['板橋', '466880', 24.9976, 121.4420, 22.7, '新北市', '板橋區'],
  ['淡水', '466900', 25.1649, 121.4489, 20.9, '新北市', '淡水區'],
  ['三重', 'C0ACA0', 25.0710, 121.4858, 22.3, '新北市', '三重區'],
  ['汐止', 'C0A9A0', 25.0682, 121.6567, 20.6, '新北市', '汐止區'],
  ['新店', 'C0A9E0', 24.9615, 121.5253, 21.2, '新北市', '新店區'],
  ['基隆', '466940', 25.1333, 121.7405, 19.1, '基隆市', '仁愛區'],
  ['彭佳嶼', '466950', 25.6280, 122.0797, 18.8, '基隆市', '中正區'],
  ['新屋', '467050', 25.0067, 121.0475, 20.7, '桃園市', '新屋區'],
  ['新竹', '467571', 24.8278, 121.0142, 21.5, '新竹縣', '竹北市'],
  ['臺中', '467490', 24.1457, 120.6841, 25.3, '臺中市', '北區'],
  ['日月潭', '467650', 23.8813, 120.9081, 19.7, '南投縣', '魚池鄉'],
  ['嘉義', '467480', 23.4959, 120.4329, 25.8, '嘉義市', '西區'],
  ['臺南', '467410', 22.9932, 120.2048, 26.6, '臺南市', '中西區'],
  ['高雄', '467441', 22.7304, 120.3125, 27.4, '高雄市', '楠梓區'],
  ['恆春', '467590', 22.0039, 120.7463, 26.9, '屏東縣', '恆春鎮'],
  ['宜蘭', '467080', 24.7640, 121.7565, 19.9, '宜蘭縣', '宜蘭市'],
  ['花蓮', '466990', 23.9751, 121.6133, 22.0, '花蓮縣', '花蓮市'],
  ['臺東', '467660', 22.7522, 121.1546, 24.1, '臺東縣', '臺東市'],
]

/** Ten-minute observations, in the shape of the Central Weather Administration's data set O-A0003-001. */
export function observations(now: Date): unknown {
  const obsTime = taipeiTime(lastSlot(now, 10, 5))
  const text = (id: string) => ({ id, type: 'String' })
  return {
    success: 'true',
    result: {
      resource_id: 'O-A0003-001',
      fields: [
        { id: 'lat', type: 'Double' }, { id: 'lon', type: 'Double' }, text('locationName'), text('stationId'), { id: 'obsTime', type: 'Timestamp' },
        ...['elementName', 'elementValue', 'parameterName', 'parameterValue'].map(text),
      ],
    },
    records: {
      location: stationList.map(([locationName, stationId, lat, lon, temperature, city, town]) => ({
        lat: lat.toFixed(6),
        lon: lon.toFixed(6),
        locationName,
        stationId,
        time: { obsTime },
        weatherElement: [{ elementName: 'TEMP', elementValue: temperature === -99 ? '-99' : temperature.toFixed(1) }],
        parameter: [{ parameterName: 'CITY', parameterValue: city }, { parameterName: 'TOWN', parameterValue: town }],
      })),
    },
  }
}
