-- Somebody asked for one more hand-off now: it is made although the next hop rests after trouble.
ALTER TABLE deliveries ADD COLUMN asked_again BOOLEAN NOT NULL DEFAULT FALSE;
-- Why a cancelled delivery was cancelled, in a word: whoever reads of it must not be told that it was their doing when it was not.
ALTER TABLE deliveries ADD COLUMN cancelled_because TEXT;
