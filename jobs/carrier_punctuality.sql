-- Punctuality of each airline in each month. A flight is on time when it leaves at most 15 minutes late,
-- which is how the US Department of Transportation counts; a cancelled flight is not on time.
SELECT
    carrier,
    airline,
    month,
    count(*) AS flights,
    sum(CASE WHEN cancelled THEN 1 ELSE 0 END) AS cancelled_flights,
    round(100 * avg(CASE WHEN dep_delay <= 15 THEN 1 ELSE 0 END), 2) AS on_time_percent,
    round(avg(dep_delay), 2) AS mean_departure_delay_minutes,
    round(avg(arr_delay), 2) AS mean_arrival_delay_minutes,
    max(dep_delay) AS longest_departure_delay_minutes
FROM nyc.flights_enriched
GROUP BY carrier, airline, month
ORDER BY carrier, month
