-- CreateIndex
CREATE INDEX "EventBase_iCalUId_idx" ON "EventBase" USING HASH ("iCalUId");
