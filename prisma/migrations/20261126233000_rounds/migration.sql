-- What an event went through lately, so that one which something else keeps changing back is noticed; encrypted.
ALTER TABLE "EventBase" ADD COLUMN     "rounds" JSONB;
